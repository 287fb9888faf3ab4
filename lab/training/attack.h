/// \file
/// Inputs that are changed a little so that a classifier errs.
#pragma once

#include "framework/nn/layer.h"

namespace ebb {

/// How far inputs may be moved, and in how many steps.
struct AttackOptions {
  double radius = 0.1;  ///< By how much each number of an input may change, above 0.
  int steps = 1;  ///< 1: the sign of one gradient times the radius (Goodfellow et al. 2015, 1412.6572). More: steps of
                  ///< the sign, each taken back to within the radius (Madry et al. 2018, 1706.06083), from the input.
  double step = 0;  ///< Length of each of several steps; 0: 2.5 radius / steps.
};

/// `x` moved, by its gradient, to where the model's cross-entropy is larger. The model is called in the mode it is in:
/// eval() beforehand, or norms use the batch. Its parameters have no gradients afterwards.
/// \param x f32 or f64 `[n, ...]`. \param labels `[n]`, i64.
/// \throws Error for a radius or a step that is not positive, and fewer than one step.
Tensor attacked(Layer& model, const Tensor& x, const Tensor& labels, const AttackOptions& options = {});

}  // namespace ebb
