/// \file
/// Softmax and losses. Classes are the last axis; every loss is a scalar, the mean over the batch unless said.
#pragma once

#include "framework/autograd/tape.h"

namespace ebb {

/// How a loss combines the samples.
enum class Reduction : std::uint8_t {
  mean,  ///< Their mean.
  sum,   ///< Their sum.
};

Var softmax(const Var& x);      ///< e^x / sum e^x over the last axis, without overflow.
Var log_softmax(const Var& x);  ///< log(softmax(x)), computed directly.

/// Options of softmax_cross_entropy().
struct CrossEntropyOptions {
  double label_smoothing = 0.0;           ///< Share of the target spread evenly over all classes, in [0, 1).
  Reduction reduction = Reduction::mean;  ///< Over samples.
};

/// -log softmax(logits)[label]: logits `[n, classes]`, labels `[n]` of i64 (or i32, u8) class indices; or soft
/// targets `[n, classes]` of the dtype of logits, through which no gradient flows. Fused: the gradient is
/// (softmax - target) / n, and large logits do not overflow.
/// \throws Error when shapes do not match or a label is not below `classes`, naming its position.
Var softmax_cross_entropy(const Var& logits, const Tensor& targets, const CrossEntropyOptions& options = {});

/// Mean (or sum) of (prediction - target)^2 over all elements; equal shapes.
Var mse_loss(const Var& prediction, const Var& target, Reduction reduction = Reduction::mean);

/// Mean (or sum) over all elements of the cross-entropy of sigmoid(logit) and a target in [0, 1]; equal shapes,
/// no gradient flows through targets. Stable for large logits.
Var binary_cross_entropy_with_logits(const Var& logits, const Tensor& targets, Reduction reduction = Reduction::mean);

}  // namespace ebb
