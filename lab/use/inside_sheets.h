// What goes on inside of a network, as pictures.
#pragma once

#include "framework/tensor/tensor.h"

namespace ebb {

// The maps of one image, the first 1,024, on a common scale from the smallest value (black) to the largest (white).
// \param maps `[1, h, w, c]`, or `[1, c]` as maps of one pixel. \returns u8 grey.
// \throws Error on other shapes.
Tensor map_sheet(const Tensor& maps);

// The picture and, beside it, its saliency from 0 (black) to the largest (white).
// \param picture u8 `[h, w, 1 or 3]`. \param saliency `[1, h, w]`.
Tensor saliency_sheet(const Tensor& picture, const Tensor& saliency);

// The picture and, beside it, the picture under its Grad-CAM in colours, from dark blue (0) over red to yellow (the
// largest). \param cam `[1, h', w']`, enlarged by bilinear interpolation.
Tensor cam_sheet(const Tensor& picture, const Tensor& cam);

}  // namespace ebb
