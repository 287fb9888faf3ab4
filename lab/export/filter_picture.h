// The filters of a first convolution as a picture.
#pragma once

#include "framework/tensor/tensor.h"

namespace ebb::detail {

// Whether weights of this shape are filters of grey or colour images: `[kh, kw, 1 or 3, out]`.
bool are_filters(const Shape& weight);

// All filters side by side on one scale, u8 `[height, width, channels]`: grey is 0, white the largest absolute number.
// \param weight f32 or f64 of such a shape.
Tensor filter_picture(const Tensor& weight);

}  // namespace ebb::detail
