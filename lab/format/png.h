// Pictures in PNG format.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "framework/tensor/tensor.h"

namespace ebb {

// The bytes of a PNG file (ISO/IEC 15948), 8 bits a channel, without filters.
// \param pixels u8 `[height, width, channels]` with 1 (grey) or 3 channels (red, green, blue).
// \throws Error on other shapes and types.
std::vector<std::byte> png(const Tensor& pixels);

// Bytes in base64 (RFC 4648), as data URIs need them.
std::string base64(const std::vector<std::byte>& bytes);

// The bytes again. \throws Error for what base64() does not write.
std::vector<std::byte> from_base64(std::string_view text);

}  // namespace ebb
