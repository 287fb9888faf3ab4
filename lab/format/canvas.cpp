#include "lab/format/canvas.h"

#include <algorithm>
#include <array>

#include "framework/tensor/error.h"
#include "lab/format/pixel_font.h"

namespace ebb {

Canvas::Canvas(std::int64_t height, std::int64_t width, std::int64_t channels)
    : pixels_(Tensor::full({height, width, channels}, 255, DType::u8)) {}

void Canvas::square(std::int64_t top, std::int64_t left, std::int64_t side, std::span<const std::uint8_t> colour) {
  const std::int64_t channels = pixels_.dim(2);
  std::uint8_t* const to = pixels_.mutable_data<std::uint8_t>();
  for (std::int64_t y = std::max<std::int64_t>(0, top); y < std::min(top + side, pixels_.dim(0)); ++y)
    for (std::int64_t x = std::max<std::int64_t>(0, left); x < std::min(left + side, pixels_.dim(1)); ++x)
      for (std::int64_t c = 0; c < channels; ++c)
        to[(y * pixels_.dim(1) + x) * channels + c] = colour[colour.size() == 1 ? 0 : static_cast<std::size_t>(c)];
}

void Canvas::paste(std::span<const std::uint8_t> pixels, const Shape& shape, std::int64_t top, std::int64_t left,
                   std::int64_t zoom) {
  if (shape.rank() != 3 || (shape[2] != 1 && shape[2] != pixels_.dim(2)) ||
      static_cast<std::int64_t>(pixels.size()) != shape.size())
    fail("canvas", text(pixels.size(), " numbers of a picture ", shape), text("[height, width, ", pixels_.dim(2), "]"));
  const auto channels = static_cast<std::size_t>(shape[2]);
  for (std::int64_t y = 0; y < shape[0]; ++y)
    for (std::int64_t x = 0; x < shape[1]; ++x)
      square(top + y * zoom, left + x * zoom, zoom,
             pixels.subspan(static_cast<std::size_t>(y * shape[1] + x) * channels, channels));
}

void Canvas::write(std::string_view text, std::int64_t top, std::int64_t left, std::int64_t zoom) {
  constexpr std::array<std::uint8_t, 1> black{0};
  for (const char letter : text) {
    const auto rows = letter_rows(letter);
    for (std::int64_t y = 0; y < letter_height; ++y)
      for (std::int64_t x = 0; x < letter_width; ++x)
        if ((rows[static_cast<std::size_t>(y)] >> (letter_width - 1 - x) & 1) != 0)
          square(top + y * zoom, left + x * zoom, zoom, black);
    left += letter_step * zoom;
  }
}

std::int64_t Canvas::width_of(std::string_view text, std::int64_t zoom) {
  return text.empty() ? 0 : (static_cast<std::int64_t>(text.size()) * letter_step - 1) * zoom;
}

}  // namespace ebb
