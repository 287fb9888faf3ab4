/// \file
/// ReLU on tensors, for ops that apply it on their way out.
#pragma once

#include "framework/tensor/tensor.h"

namespace ebb {

/// x = max(x, 0) in place, for f32 or f64. NaN stays NaN.
void rectify(Tensor& x);

/// The gradient of the argument of ReLU: dy where y = relu(x) is positive, else 0.
Tensor relu_gradient(const Tensor& y, const Tensor& dy);

}  // namespace ebb
