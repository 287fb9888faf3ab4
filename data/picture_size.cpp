#include "data/picture_size.h"

#include <charconv>

#include "data/picture.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"

namespace ebb {

std::string to_text(const PictureSize& size) { return text(size.height, 'x', size.width); }

PictureSize picture_size_from(std::string_view given, std::string_view where) {
  PictureSize size;
  const char* const end = given.data() + given.size();
  const auto height = std::from_chars(given.data(), end, size.height);
  const bool cross = height.ec == std::errc() && height.ptr != end && (*height.ptr == 'x' || *height.ptr == 'X');
  const auto width = std::from_chars(cross ? height.ptr + 1 : end, end, size.width);
  const auto fits = [](std::int64_t side) { return side >= 1 && side <= longest_picture_side; };
  if (!cross || width.ec != std::errc() || width.ptr != end || !fits(size.height) || !fits(size.width))
    fail(where, in_quotes(given), text("height x width, as 32x48: sides of 1 to ", longest_picture_side, " pixels"));
  return size;
}

}  // namespace ebb
