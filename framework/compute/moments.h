/// \file
/// Merging of channel statistics. The moments of `channels` channels are an array `[3][channels]` of doubles: the
/// count of values, their mean, and M2, the sum of squared deviations from the mean (>= 0).
#pragma once

#include <cstdint>

namespace ebb {

/// Numbers in the moments of so many channels.
constexpr std::int64_t moments_size(std::int64_t channels) { return 3 * channels; }

/// into = moments of the union of both sets of values. A set with count 0 adds nothing, whatever its mean and M2.
/// Source: Chan, Golub, LeVeque, "Algorithms for computing the sample variance", 1983, eq. 1.3 b.
void merge_moments(double* into, const double* from, std::int64_t channels);

/// Merges `blocks` >= 1 moments, one behind the other, into the first, by the fixed tree of parallel::tree_sum():
/// neighbours first. Overwrites the others.
void merge_moment_blocks(double* moments, std::int64_t blocks, std::int64_t channels);

}  // namespace ebb
