/// \file
/// Cross-entropies of single samples. Not part of the public interface.
#pragma once

#include "framework/autograd/tape.h"
#include "framework/compute/blocks.h"

namespace ebb::detail {

/// The class index of a sample that loses nothing and gets no gradient.
constexpr std::int64_t ignored = -1;

/// Rows of a parallel block: an exponential costs about eight times a plain elementwise operation.
constexpr std::int64_t rows_together(std::int64_t classes) { return row_block(8 * classes); }

/// -sum_c w_c q_c log p_c of each sample: `[n]`, where q are its targets, smoothed, and w the `class_weights`, all 1
/// where undefined. Arguments are those of softmax_cross_entropy() and have been checked; class indices are i64.
Var cross_entropy_each(const Var& logits, const Tensor& targets, double smoothing, const Tensor& class_weights);

}  // namespace ebb::detail
