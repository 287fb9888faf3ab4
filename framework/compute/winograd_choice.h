/// \file
/// Which convolutions take Winograd's method. Not part of the public interface.
#pragma once

#include <string_view>

#include "framework/compute/convolution.h"
#include "framework/compute/instruction_set.h"

namespace ebb::detail {

/// What Winograd::automatic means for a shape: the method of least estimated time, F(4x4) only when `limit` is f4. A
/// function of the shape, never of threads or of what ran before.
Winograd winograd_choice(const ConvolutionShape& shape, Winograd limit);

/// The kernels for f32 tensors of a shape, or null for the direct method.
const kernels::Winograd* winograd_kernel(const ConvolutionShape& shape);

/// The tile of the method of a shape: 4, 2, or 0 for the direct one, and in f64.
int winograd_tile(const ConvolutionShape& shape, DType dtype);

/// The meaning of a value of EBB_WINOGRAD: the largest tile that Winograd::automatic may choose.
/// \throws Error unless it is "4", "2" or "0".
Winograd winograd_limit(std::string_view value);

}  // namespace ebb::detail
