// PNG (W3C, third edition) before it is decoded. Private to data/.
#pragma once

#include "data/pictures/checked_picture.h"

namespace ebb::detail {

bool is_png(std::span<const std::byte> bytes);

// Checks signature, header, order, lengths and checksums of the chunks, and inflates the pixels as far as the header
// announces them. What is handed on is a PNG of the chunks that matter alone: the palette with all entries that an
// index can have, the pixels in stored blocks, so that the decoder sees no damaged deflate stream.
// Throws an Error that names the fault.
CheckedPicture check_png(const EncodedPicture& picture);

}  // namespace ebb::detail
