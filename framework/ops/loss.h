/// \file
/// Softmax and losses. Classes are the last axis; a loss is a scalar, the mean over the batch, unless its options say
/// otherwise.
#pragma once

#include <optional>

#include "framework/autograd/tape.h"

namespace ebb {

/// How a loss combines what single samples (softmax_cross_entropy) or elements (the others) lose.
enum class Reduction : std::uint8_t {
  mean,  ///< Their mean.
  sum,   ///< Their sum.
  none,  ///< Not at all: one number for each, to be weighted or selected.
};

/// e^x / sum e^x over one axis, without overflow; a negative axis counts from the end.
/// \throws Error when there is no such axis, or it is empty.
Var softmax(const Var& x, int axis = -1);

/// log(softmax(x)), computed directly.
Var log_softmax(const Var& x, int axis = -1);

/// Options of softmax_cross_entropy().
struct CrossEntropyOptions {
  double label_smoothing = 0.0;                   ///< Share of the target spread evenly over all classes, in [0, 1).
  Reduction reduction = Reduction::mean;          ///< Over samples.
  std::optional<std::int64_t> ignore_index = {};  ///< Samples of this class index lose nothing and are not counted.
  Tensor class_weights = {};                      ///< `[classes]`, >= 0: factors of what each class loses.
};

/// -log softmax(logits)[label]: logits `[n, classes]`, labels `[n]` of i64 (or i32, u8) class indices; or soft
/// targets `[n, classes]` of the dtype of logits, through which no gradient flows. Fused: the gradient is
/// (softmax - target) / n, and large logits do not overflow. A scalar, or `[n]` with Reduction::none.
///
/// With class weights w a sample loses -sum_c w_c q_c log p_c, where q are its smoothed targets. The mean is then the
/// sum over the samples' w[label]; over their number for soft targets. The mean of samples that all are ignored is 0.
/// \throws Error when shapes do not match or a label is not below `classes`, naming its position.
Var softmax_cross_entropy(const Var& logits, const Tensor& targets, const CrossEntropyOptions& options = {});

/// (prediction - target)^2 over all elements; equal shapes. A scalar, or the shape of prediction with Reduction::none.
Var mse_loss(const Var& prediction, const Var& target, Reduction reduction = Reduction::mean);

/// Options of binary_cross_entropy_with_logits().
struct BinaryCrossEntropyOptions {
  Reduction reduction = Reduction::mean;  ///< Over elements.
  Tensor pos_weight =
      {};  ///< Factors >= 0 of what positive targets lose: one for each of the last axis, or a single one.
};

/// The cross-entropy of sigmoid(logit) and a target t in [0, 1], -(w t log sigmoid(x) + (1 - t) log(1 - sigmoid(x)))
/// with w of pos_weight; equal shapes, no gradient flows through targets. Stable for large logits. A scalar, or the
/// shape of logits with Reduction::none.
Var binary_cross_entropy_with_logits(const Var& logits, const Tensor& targets,
                                     const BinaryCrossEntropyOptions& options = {});

}  // namespace ebb
