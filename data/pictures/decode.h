// The only door to the decoder. Private to data/.
#pragma once

#include <cstdint>

#include "data/pictures/checked_picture.h"
#include "framework/tensor/tensor.h"

namespace ebb::detail {

// u8 [height, width, channels] of a checked picture. Throws an Error with the decoder's reason when it refuses.
Tensor decode(const CheckedPicture& picture, const std::string& name);

// Calls of decode() in this process so far: what trains from decoded pictures makes none.
std::int64_t decode_calls();

}  // namespace ebb::detail
