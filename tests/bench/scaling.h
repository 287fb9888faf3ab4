/// \file
/// ebb-bench's rows for training steps with one thread and with several.
#pragma once

#include <cstdint>
#include <string>

namespace ebb {

/// Prints a row for each of 30 small networks and batches: the median time of a training step with one thread and with
/// `threads`, measured in turns for `seconds`, and their ratio; then the largest ratio.
void print_scaling_rows(int threads, double seconds, bool json);

/// Prints how many times as fast `threads` threads train a model as one, measured in turns for `seconds`.
void print_speedup(const std::string& model, std::int64_t batch, int threads, double seconds, bool json);

}  // namespace ebb
