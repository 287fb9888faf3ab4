// From what a decoder gives to what is seen. Private to data/.
#pragma once

#include <array>
#include <cstdint>

#include "framework/tensor/tensor.h"

namespace ebb::detail {

// u8 [height, width, 1 or 3] from 1 to 4 channels, the last of 2 or 4 being alpha.
Tensor without_alpha(const Tensor& picture, const std::array<std::uint8_t, 3>& background);

// The picture rotated and mirrored as EXIF's orientation 1 to 8 wants.
Tensor oriented(const Tensor& picture, int orientation);

}  // namespace ebb::detail
