/// \file
/// Convolutions of 3x3 filters with stride 1 by Winograd's method. Not part of the public interface.
#pragma once

#include "framework/compute/convolution_gather.h"
#include "framework/compute/instruction_set.h"

namespace ebb::detail {

/// gather() of 3x3 taps without stride, dilation and groups, 0 to 2 zeros on each side. Uses all scratch slots.
void winograd_gather(const Gather<float>& args, const kernels::Winograd& kernel);

/// Numbers of the weights' transforms, which Gather::packed may keep. The same for any number of images.
std::int64_t packed_winograd_weights(const Gather<float>& args, const kernels::Winograd& kernel);

/// So many, where winograd_gather() would make them all before anything else; 0 where it makes them piece by piece, for
/// few images beside large weights.
std::int64_t whole_winograd_weights(const Gather<float>& args, const kernels::Winograd& kernel);

/// Writes packed_winograd_weights() numbers.
void pack_winograd_weights(const Gather<float>& args, const kernels::Winograd& kernel, float* out);

}  // namespace ebb::detail
