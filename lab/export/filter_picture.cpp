#include "lab/export/filter_picture.h"

#include <algorithm>
#include <cmath>

#include "framework/compute/basic.h"

namespace ebb::detail {
namespace {

constexpr std::int64_t most_filters = 1024, largest_side = 64;
constexpr std::int64_t gap = 2;           // pixels between filters
constexpr std::int64_t wanted_side = 24;  // of a filter, in pixels
constexpr double middle = 128, reach = 127;

}  // namespace

bool are_filters(const Shape& weight) {
  return weight.rank() == 4 && (weight[2] == 1 || weight[2] == 3) && weight[0] <= largest_side &&
         weight[1] <= largest_side && weight.size() > 0;
}

Tensor filter_picture(const Tensor& given) {
  const Tensor weight = cast(given, DType::f32);
  const std::int64_t height = weight.dim(0), width = weight.dim(1), channels = weight.dim(2);
  const std::int64_t all = weight.dim(3), count = std::min(all, most_filters);
  const auto columns = static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(count))));
  const std::int64_t rows = (count + columns - 1) / columns;
  const std::int64_t scale = std::max<std::int64_t>(1, wanted_side / std::max(height, width));
  const std::int64_t down = height * scale + gap, across = width * scale + gap;
  Tensor out({rows * down + gap, columns * across + gap, channels}, DType::u8);
  std::ranges::fill(out.mutable_span<std::uint8_t>(), std::uint8_t{0});
  double largest = 0;
  for (const float value : weight.span<float>())
    if (std::isfinite(value)) largest = std::max(largest, std::abs(static_cast<double>(value)));
  const float* const numbers = weight.data<float>();
  std::uint8_t* const pixels = out.mutable_data<std::uint8_t>();
  for (std::int64_t f = 0; f < count; ++f)
    for (std::int64_t y = 0; y < height * scale; ++y)
      for (std::int64_t x = 0; x < width * scale; ++x)
        for (std::int64_t c = 0; c < channels; ++c) {
          const auto value = static_cast<double>(numbers[((y / scale * width + x / scale) * channels + c) * all + f]);
          const double shown = largest > 0 && std::isfinite(value) ? middle + reach * value / largest : middle;
          const std::int64_t row = f / columns * down + gap + y, column = f % columns * across + gap + x;
          pixels[(row * out.dim(1) + column) * channels + c] = static_cast<std::uint8_t>(std::lround(shown));
        }
  return out;
}

}  // namespace ebb::detail
