/// \file
/// The weight gradient of a convolution. Not part of the public interface.
#pragma once

#include "framework/compute/convolution.h"

namespace ebb::detail {

/// dw `[kh, kw, in/groups, out]` (shape.weight_out_first is not looked at) from x and dy.
template <class T>
void weight_gradient(const T* x, const T* dy, T* dw, const ConvolutionShape& shape);

}  // namespace ebb::detail
