#include "data/resize.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"

namespace ebb {
namespace {

constexpr std::int64_t longest_side = 4096;

// Where an axis of the result takes its numbers from.
struct Axis {
  struct Place {
    std::int64_t first;          // of the numbers it takes
    std::vector<double> shares;  // of each, together 1
  };
  std::vector<Place> places;

  // `count` places from `begin` on of an axis of `from` numbers that is scaled to `to`.
  Axis(std::int64_t from, std::int64_t to, std::int64_t begin, std::int64_t count) {
    const double scale = static_cast<double>(from) / static_cast<double>(to);
    const double reach = std::max(1.0, scale);  // of the triangle to each side, in numbers of the source
    for (std::int64_t i = begin; i < begin + count; ++i) {
      const double centre = (static_cast<double>(i) + 0.5) * scale;
      const auto first = std::max<std::int64_t>(0, static_cast<std::int64_t>(centre - reach + 0.5));
      const auto last = std::min(from, static_cast<std::int64_t>(centre + reach + 0.5));
      Place place{.first = first, .shares = {}};
      double sum = 0;
      for (std::int64_t j = first; j < last; ++j) {
        const double share = std::max(0.0, 1 - std::abs((static_cast<double>(j) + 0.5 - centre) / reach));
        place.shares.push_back(share);
        sum += share;
      }
      for (double& share : place.shares) share /= sum;
      places.push_back(std::move(place));
    }
  }
};

std::uint8_t rounded(double value) { return static_cast<std::uint8_t>(std::clamp(value + 0.5, 0.0, 255.0)); }

// A row along an axis. Sums of three channels that do not wait for each other take two thirds of the time of three
// sums.
std::uint8_t* scale_grey(const std::uint8_t* row, const Axis& axis, std::uint8_t* into) {
  for (const Axis::Place& place : axis.places) {
    const std::uint8_t* from = row + place.first;
    double sum = 0;
    for (const double share : place.shares) sum += share * *from++;
    *into++ = rounded(sum);
  }
  return into;
}

std::uint8_t* scale_colour(const std::uint8_t* row, const Axis& axis, std::uint8_t* into) {
  for (const Axis::Place& place : axis.places) {
    const std::uint8_t* from = row + 3 * place.first;
    double red = 0, green = 0, blue = 0;
    for (const double share : place.shares) {
      red += share * from[0];
      green += share * from[1];
      blue += share * from[2];
      from += 3;
    }
    *into++ = rounded(red);
    *into++ = rounded(green);
    *into++ = rounded(blue);
  }
  return into;
}

// The middle `width` columns of the picture scaled to `full` columns.
Tensor scale_width(const Tensor& picture, std::int64_t full, std::int64_t width) {
  const std::int64_t height = picture.dim(0), from_width = picture.dim(1), channels = picture.dim(2);
  if (full == from_width && width == full) return picture;
  const Axis axis(from_width, full, (full - width) / 2, width);
  Tensor out({height, width, channels}, DType::u8);
  const std::uint8_t* row = picture.data<std::uint8_t>();
  std::uint8_t* into = out.mutable_data<std::uint8_t>();
  for (std::int64_t y = 0; y < height; ++y, row += from_width * channels)
    into = channels == 1 ? scale_grey(row, axis, into) : scale_colour(row, axis, into);
  return out;
}

// The middle `height` rows of the picture scaled to `full` rows.
Tensor scale_height(const Tensor& picture, std::int64_t full, std::int64_t height) {
  const std::int64_t length = picture.dim(1) * picture.dim(2);
  if (full == picture.dim(0) && height == full) return picture;
  const Axis axis(picture.dim(0), full, (full - height) / 2, height);
  Tensor out({height, picture.dim(1), picture.dim(2)}, DType::u8);
  std::uint8_t* into = out.mutable_data<std::uint8_t>();
  std::vector<double> sums(static_cast<std::size_t>(length));
  for (const Axis::Place& place : axis.places) {
    std::ranges::fill(sums, 0.0);
    const std::uint8_t* row = picture.data<std::uint8_t>() + place.first * length;
    for (const double share : place.shares) {
      for (std::int64_t i = 0; i < length; ++i) sums[static_cast<std::size_t>(i)] += share * row[i];
      row += length;
    }
    for (const double sum : sums) *into++ = rounded(sum);
  }
  return out;
}

// The picture in the middle of a background.
Tensor padded(const Tensor& picture, std::int64_t height, std::int64_t width, const ResizeOptions& options) {
  const std::int64_t channels = picture.dim(2), row = picture.dim(1) * channels;
  const std::int64_t top = (height - picture.dim(0)) / 2, left = (width - picture.dim(1)) / 2;
  Tensor out({height, width, channels}, DType::u8);
  std::uint8_t* const into = out.mutable_data<std::uint8_t>();
  for (std::int64_t i = 0; i < out.size(); ++i) into[i] = options.background[static_cast<std::size_t>(i % channels)];
  for (std::int64_t y = 0; y < picture.dim(0); ++y)
    std::copy_n(picture.data<std::uint8_t>() + y * row, row, into + ((top + y) * width + left) * channels);
  return out;
}

}  // namespace

const std::vector<std::string>& fit_names() {
  static const std::vector<std::string> names{"crop", "pad", "stretch"};
  return names;
}

Fit fit_from(std::string_view name, std::string_view where) {
  const auto at = std::ranges::find(fit_names(), name);
  if (at == fit_names().end()) fail(where, in_quotes(name), "crop, pad or stretch");
  return static_cast<Fit>(at - fit_names().begin());
}

Tensor resize(const Tensor& picture, std::int64_t height, std::int64_t width, const ResizeOptions& options) {
  require_defined("resize", "picture", picture);
  if (picture.dtype() != DType::u8 || picture.rank() != 3 || (picture.dim(2) != 1 && picture.dim(2) != 3) ||
      picture.size() == 0)
    fail("resize", text(picture.shape(), " of ", picture.dtype()), "a picture [height, width, 1 or 3] of u8");
  for (const std::int64_t side : {height, width})
    if (side < 1 || side > longest_side) fail("resize", text("a side of ", side), text("1 to ", longest_side));
  const std::int64_t rows = picture.dim(0), columns = picture.dim(1);
  if (options.fit == Fit::stretch) return scale_height(scale_width(picture, width, width), height, height);
  const double by_height = static_cast<double>(height) / static_cast<double>(rows);
  const double by_width = static_cast<double>(width) / static_cast<double>(columns);
  const bool crop = options.fit == Fit::crop;
  const double factor = crop ? std::max(by_height, by_width) : std::min(by_height, by_width);
  const auto scaled = [&](std::int64_t side) { return std::llround(static_cast<double>(side) * factor); };
  if (crop) {
    const std::int64_t full_width = std::max<std::int64_t>(width, scaled(columns));
    return scale_height(scale_width(picture, full_width, width), std::max<std::int64_t>(height, scaled(rows)), height);
  }
  const std::int64_t inner_height = std::clamp<std::int64_t>(scaled(rows), 1, height);
  const std::int64_t inner_width = std::clamp<std::int64_t>(scaled(columns), 1, width);
  const Tensor inner = scale_height(scale_width(picture, inner_width, inner_width), inner_height, inner_height);
  return padded(inner, height, width, options);
}

}  // namespace ebb
