// The orientation of cameras. Private to data/.
#pragma once

#include <cstddef>
#include <span>

namespace ebb::detail {

// Tag 0x0112 of the first directory of EXIF data (a TIFF header and what follows): 1 to 8; 1 where there is none, or
// where the data are damaged, since they say nothing about the pixels.
int exif_orientation(std::span<const std::byte> tiff);

}  // namespace ebb::detail
