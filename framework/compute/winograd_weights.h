/// \file
/// The weight gradient of 3x3 convolutions by Winograd's method. Not part of the public interface.
#pragma once

#include "framework/compute/convolution.h"
#include "framework/compute/instruction_set.h"

namespace ebb::detail {

/// weight_gradient() for 3x3 taps without stride, dilation and groups, 0 to 2 zeros on each side.
void winograd_weight_gradient(const float* x, const float* dy, float* dw, const ConvolutionShape& shape,
                              const kernels::Winograd& kernel);

}  // namespace ebb::detail
