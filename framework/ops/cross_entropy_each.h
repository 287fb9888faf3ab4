/// \file
/// Cross-entropies of single samples. Not part of the public interface.
#pragma once

#include "framework/autograd/tape.h"
#include "framework/compute/blocks.h"

namespace ebb::detail {

/// Name of the op in messages and graphs.
constexpr const char* cross_entropy_op = "softmax_cross_entropy";

/// Rows of the tensor that forward keeps for backward, f64 [3, samples]: log p = (x - max) - log_sum, and the sum of
/// the targets, smoothed and weighted.
enum KeptOfSamples : std::int64_t { max_row = 0, log_sum_row = 1, weight_row = 2, kept_rows = 3 };

/// The class index of a sample that loses nothing and gets no gradient.
constexpr std::int64_t ignored = -1;

/// -sum_c w_c q_c log p_c of each sample: `[n]`, where q are its targets, smoothed, and w the `class_weights`, all 1
/// where undefined. Arguments are those of softmax_cross_entropy() and have been checked; class indices are i64.
Var cross_entropy_each(const Var& logits, const Tensor& targets, double smoothing, const Tensor& class_weights);

}  // namespace ebb::detail
