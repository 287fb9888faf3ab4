#include "data/pictures/pixels.h"

#include <algorithm>

namespace ebb::detail {
namespace {

// A pixel of strength alpha over the background, rounded to the nearest.
std::uint8_t over(unsigned value, unsigned background, unsigned alpha) {
  return static_cast<std::uint8_t>((value * alpha + background * (255 - alpha) + 127) / 255);
}

}  // namespace

Tensor without_alpha(const Tensor& picture, const std::array<std::uint8_t, 3>& background) {
  const std::int64_t height = picture.dim(0), width = picture.dim(1), channels = picture.dim(2);
  if (channels == 1 || channels == 3) return picture;
  const bool grey = channels == 2;
  const bool grey_background = background[0] == background[1] && background[1] == background[2];
  const std::int64_t to = grey && grey_background ? 1 : 3;
  Tensor out({height, width, to}, DType::u8);
  const std::uint8_t* const pixels = picture.data<std::uint8_t>();
  std::uint8_t* const into = out.mutable_data<std::uint8_t>();
  for (std::int64_t i = 0; i < height * width; ++i) {
    const std::uint8_t* const pixel = pixels + i * channels;
    const unsigned strength = pixel[channels - 1];
    for (std::int64_t c = 0; c < to; ++c)
      into[i * to + c] = over(pixel[grey ? 0 : c], background[static_cast<std::size_t>(c)], strength);
  }
  return out;
}

Tensor oriented(const Tensor& picture, int orientation) {
  if (orientation == 1) return picture;
  // 5 to 8 change rows for columns. What stands at [y, x] of the result stood at [from_y, from_x].
  const bool transposed = orientation >= 5;
  const std::int64_t rows = picture.dim(0), columns = picture.dim(1), channels = picture.dim(2);
  const std::int64_t height = transposed ? columns : rows, width = transposed ? rows : columns;
  const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  Tensor out({height, width, channels}, DType::u8);
  std::uint8_t* into = out.mutable_data<std::uint8_t>();
  const std::uint8_t* const from = picture.data<std::uint8_t>();
  for (std::int64_t y = 0; y < height; ++y) {
    const std::int64_t v = from_bottom ? height - 1 - y : y;
    for (std::int64_t x = 0; x < width; ++x) {
      const std::int64_t u = from_right ? width - 1 - x : x;
      const std::int64_t row = transposed ? u : v, column = transposed ? v : u;
      into = std::copy_n(from + (row * columns + column) * channels, channels, into);
    }
  }
  return out;
}

}  // namespace ebb::detail
