// JPEG (ITU-T T.81) before it is decoded. Private to data/.
#pragma once

#include "data/pictures/checked_picture.h"

namespace ebb::detail {

bool is_jpeg(std::span<const std::byte> bytes);

// Walks over all segments to the end of the image: one frame, of a kind that is read, and a bounded number of scans.
// What is handed on is the file up to there. Throws an Error that names the fault.
CheckedPicture check_jpeg(const EncodedPicture& picture);

}  // namespace ebb::detail
