// What the fence around the decoder lets through. Private to data/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/picture.h"
#include "framework/tensor/pool_allocator.h"

namespace ebb::detail {

// Files and pixels on their way: of the pool, so that the memory of one form serves the next.
using PictureBytes = std::vector<std::byte, PoolAllocator<std::byte>>;

// A picture in memory, before it is looked at.
struct EncodedPicture {
  std::span<const std::byte> bytes;
  const std::string& name;  // for messages
  std::int64_t most_pixels;
};

// A picture that may be decoded: what it announces is within the limits and its parts lie inside of it.
struct CheckedPicture {
  PictureBytes bytes;  // as the decoder gets them
  std::int64_t height = 0, width = 0;
  std::int64_t channels = 0;   // that the decoder will give: grey, grey + alpha, RGB, RGB + alpha
  int orientation = 1;         // of EXIF, 1 to 8
  std::size_t most_bytes = 0;  // that the decoder may hold
};

// Throws when a side is 0 or more than 4096 pixels long, or there are too many pixels.
void check_size(const EncodedPicture& picture, std::int64_t height, std::int64_t width);

// A number of `bytes` bytes, the first the highest. Its place must lie inside.
std::uint32_t big_endian(std::span<const std::byte> from, std::size_t at, std::size_t bytes);

}  // namespace ebb::detail
