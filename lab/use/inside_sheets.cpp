#include "lab/use/inside_sheets.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "data/picture.h"
#include "data/resize.h"
#include "framework/compute/basic.h"
#include "framework/tensor/error.h"
#include "lab/format/canvas.h"

namespace ebb {
namespace {

constexpr std::int64_t map_side = 64;  // smaller ones are enlarged
constexpr std::int64_t picture_side = 192;
constexpr std::int64_t picture_gap = 8;

// Values as bytes; what is not finite is white.
Tensor shades(const Tensor& values, double low, double high) {
  const Tensor numbers = cast(values, DType::f64);
  Tensor out(values.shape(), DType::u8);
  std::ranges::transform(numbers.span<double>(), out.mutable_span<std::uint8_t>().begin(), [&](double v) {
    if (!std::isfinite(v)) return std::uint8_t{255};
    return static_cast<std::uint8_t>(high > low ? std::lround(255 * (v - low) / (high - low)) : 0);
  });
  return out;
}

std::pair<double, double> range_of(const Tensor& values) {
  const Tensor numbers = cast(values, DType::f64);
  double low = INFINITY, high = -INFINITY;
  for (const double v : numbers.span<double>())
    if (std::isfinite(v)) {
      low = std::min(low, v);
      high = std::max(high, v);
    }
  return {low, high};
}

Tensor from_zero(const Tensor& values) { return shades(values, 0, std::max(0.0, range_of(values).second)); }

std::int64_t zoom_for(const Tensor& picture, std::int64_t side) {
  return std::max<std::int64_t>(1, side / std::max(picture.dim(0), picture.dim(1)));
}

// Each pixel as a square.
Tensor enlarged(const Tensor& picture, std::int64_t zoom) {
  Canvas out(picture.dim(0) * zoom, picture.dim(1) * zoom, picture.dim(2));
  out.paste(picture.span<std::uint8_t>(), picture.shape(), 0, 0, zoom);
  return out.pixels();
}

Tensor side_by_side(const Tensor& a, const Tensor& b) {
  Canvas out(std::max(a.dim(0), b.dim(0)) + 2 * picture_gap, a.dim(1) + b.dim(1) + 3 * picture_gap,
             std::max(a.dim(2), b.dim(2)));
  out.paste(a.span<std::uint8_t>(), a.shape(), picture_gap, picture_gap);
  out.paste(b.span<std::uint8_t>(), b.shape(), picture_gap, a.dim(1) + 2 * picture_gap);
  return out.pixels();
}

// Red, green and blue for a shade: five colours and what lies between.
std::array<double, 3> heat(std::uint8_t shade) {
  constexpr std::array<std::array<double, 3>, 5> colours{
      {{0, 0, 64}, {87, 16, 110}, {188, 55, 84}, {249, 142, 9}, {252, 255, 164}}};
  const double place = shade / 255.0 * (colours.size() - 1);
  const auto at = std::min(static_cast<std::size_t>(place), colours.size() - 2);
  const double part = place - static_cast<double>(at);
  std::array<double, 3> out{};
  for (std::size_t c = 0; c < 3; ++c) out[c] = (1 - part) * colours[at][c] + part * colours[at + 1][c];
  return out;
}

}  // namespace

Tensor map_sheet(const Tensor& maps) {
  if ((maps.rank() != 4 && maps.rank() != 2) || maps.dim(0) != 1 || maps.size() == 0)
    fail("map_sheet", text("maps ", maps.shape()), "[1, h, w, c], or [1, c]");
  const bool flat = maps.rank() == 2;
  const std::int64_t height = flat ? 1 : maps.dim(1), width = flat ? 1 : maps.dim(2), channels = maps.dim(-1);
  const auto [low, high] = range_of(maps);
  const Tensor values = shades(maps, low, high);
  const std::int64_t count = std::min(channels, most_on_sheet), columns = sheet_columns(count);
  Tensor one({height, width, 1}, DType::u8);
  const std::int64_t zoom = zoom_for(one, map_side);
  Canvas out(picture_gap + (count + columns - 1) / columns * (height * zoom + picture_gap),
             picture_gap + columns * (width * zoom + picture_gap), 1);
  for (std::int64_t c = 0; c < count; ++c) {
    for (std::int64_t p = 0; p < one.size(); ++p)
      one.mutable_data<std::uint8_t>()[p] = values.data<std::uint8_t>()[p * channels + c];
    out.paste(one.span<std::uint8_t>(), one.shape(), picture_gap + c / columns * (height * zoom + picture_gap),
              picture_gap + c % columns * (width * zoom + picture_gap), zoom);
  }
  return out.pixels();
}

Tensor saliency_sheet(const Tensor& picture, const Tensor& saliency) {
  const std::int64_t zoom = zoom_for(picture, picture_side);
  const Tensor strength = from_zero(saliency).reshape({saliency.dim(1), saliency.dim(2), 1});
  return side_by_side(enlarged(picture, zoom), enlarged(strength, zoom));
}

Tensor cam_sheet(const Tensor& picture, const Tensor& cam) {
  const Tensor large = with_channels(enlarged(picture, zoom_for(picture, picture_side)), 3);
  const Tensor strength =
      resize(from_zero(cam).reshape({cam.dim(1), cam.dim(2), 1}), large.dim(0), large.dim(1), {.fit = Fit::stretch});
  Tensor under = large.clone();
  std::uint8_t* to = under.mutable_data<std::uint8_t>();
  for (const std::uint8_t shade : strength.span<std::uint8_t>())
    for (const double colour : heat(shade)) {
      *to = static_cast<std::uint8_t>(std::lround((*to + colour) / 2));
      ++to;
    }
  return side_by_side(large, under);
}

}  // namespace ebb
