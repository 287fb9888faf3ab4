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

/// The kernels of the forward pass and of the input gradient of f32 tensors, or null for the direct method. A function
/// of the layer, chosen as for 128 images whatever their number is: what comes of an image does not depend on what else
/// is in its batch.
const kernels::Winograd* winograd_kernel(const ConvolutionShape& shape);

/// Those of the weight gradient, whose sums run over the batch: a function of all of the shape.
const kernels::Winograd* winograd_gradient_kernel(const ConvolutionShape& shape);

/// Whether a convolution looks at single pixels: it is a matrix product of all pixels with the weights, and computed
/// so.
bool is_matrix_product(const ConvolutionShape& shape);

/// The tile of winograd_kernel(): 4, 2, or 0 for the direct method, and in f64.
int winograd_tile(const ConvolutionShape& shape, DType dtype);

/// The largest tile that Winograd::automatic may choose: f4, f2, or off for none. At first what EBB_WINOGRAD says.
Winograd winograd_limit();

/// Sets it, for tests. Not while a pass runs.
void set_winograd_limit(Winograd limit);

/// The meaning of a value of EBB_WINOGRAD: the largest tile that Winograd::automatic may choose.
/// \throws Error unless it is "4", "2" or "0".
Winograd winograd_limit(std::string_view value);

}  // namespace ebb::detail
