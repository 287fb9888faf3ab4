// A picture that others are put on.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

#include "framework/tensor/tensor.h"

namespace ebb {

// Pictures that one sheet shows at most, and how many of `count` stand in a row.
inline constexpr std::int64_t most_on_sheet = 1024;
inline std::int64_t sheet_columns(std::int64_t count) { return std::min<std::int64_t>(count, count <= 64 ? 8 : 16); }

// White at first. What does not fit on it is cut off.
class Canvas {
 public:
  // \param channels 1 (grey) or 3.
  Canvas(std::int64_t height, std::int64_t width, std::int64_t channels);

  // Puts a picture on it with its corner at (top, left), each pixel as a square of `zoom`.
  // \param pixels of shape `[height, width, 1 or 3]`. Grey becomes colour where the canvas has it, not the other way.
  void paste(std::span<const std::uint8_t> pixels, const Shape& shape, std::int64_t top, std::int64_t left,
             std::int64_t zoom = 1);

  // Writes in black, in letters of 5 x 3 squares of `zoom` pixels.
  void write(std::string_view text, std::int64_t top, std::int64_t left, std::int64_t zoom = 1);

  // Pixels that write() takes for a text, without what follows the last letter.
  static std::int64_t width_of(std::string_view text, std::int64_t zoom = 1);

  // u8 `[height, width, channels]`.
  const Tensor& pixels() const { return pixels_; }

 private:
  void square(std::int64_t top, std::int64_t left, std::int64_t side, std::span<const std::uint8_t> colour);

  Tensor pixels_;
};

}  // namespace ebb
