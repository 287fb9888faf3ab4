/// \file
/// Convolutions of 3x3 filters with stride 1 by Winograd's method. Not part of the public interface.
#pragma once

#include "framework/compute/convolution_gather.h"
#include "framework/compute/instruction_set.h"

namespace ebb::detail {

/// gather() of 3x3 taps without stride, dilation and groups, 0 to 2 zeros on each side. Uses all scratch slots.
void winograd_gather(const Gather<float>& args, const kernels::Winograd& kernel);

}  // namespace ebb::detail
