#include "lab/use/filter_sheet.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "framework/compute/basic.h"
#include "framework/tensor/error.h"
#include "lab/format/canvas.h"
#include "lab/format/pixel_font.h"

namespace ebb {
namespace {

constexpr std::int64_t filter_side = 40;  // smaller ones are enlarged
constexpr std::int64_t letter_zoom = 2;
constexpr std::int64_t filter_gap = 8;  // between filters
constexpr std::int64_t norm_gap = 3;    // between a filter and its norm
constexpr std::int64_t block_gap = 32;
constexpr std::int64_t letters_high = letter_height * letter_zoom;

// Where the filters of one network stand in their block.
struct FilterGrid {
  explicit FilterGrid(const Filters& filters)
      : count(std::min(filters.weights.dim(3), most_on_sheet)),
        columns(sheet_columns(count)),
        height(filters.weights.dim(0)),
        width(filters.weights.dim(1)),
        zoom(std::max<std::int64_t>(1, filter_side / std::max(height, width))),
        cell_width(std::max(width * zoom, Canvas::width_of("0.00", letter_zoom)) + filter_gap),
        cell_height(height * zoom + norm_gap + letters_high + filter_gap) {}

  std::int64_t rows() const { return (count + columns - 1) / columns; }
  std::int64_t block_width() const { return columns * cell_width + filter_gap; }

  std::int64_t count, columns, height, width, zoom, cell_width, cell_height;
};

bool in_colour(const Filters& filters) { return filters.weights.dim(2) == 3; }

double largest_weight(const Tensor& weights) {
  double out = 0;
  for (const double w : weights.span<double>())
    if (std::isfinite(w)) out = std::max(out, std::abs(w));
  return out;
}

std::uint8_t shade(double weight, double largest) {
  if (!std::isfinite(weight)) return 255;
  return static_cast<std::uint8_t>(std::lround(127.5 + (largest > 0 ? 127.5 * weight / largest : 0)));
}

// Filter number f, u8 [kh, kw, 1 or 3]. \param weights f64.
Tensor picture_of(const Tensor& weights, std::int64_t f, double largest) {
  const std::int64_t taps = weights.dim(0) * weights.dim(1), in = weights.dim(2), filters = weights.dim(3);
  const std::int64_t channels = in == 3 ? 3 : 1;
  Tensor out({weights.dim(0), weights.dim(1), channels}, DType::u8);
  const double* const w = weights.data<double>();
  for (std::int64_t tap = 0; tap < taps; ++tap)
    for (std::int64_t c = 0; c < channels; ++c) {
      double sum = 0;
      for (std::int64_t i = c; i < in; i += channels) sum += w[(tap * in + i) * filters + f];
      const double mean = sum * static_cast<double>(channels) / static_cast<double>(in);
      out.mutable_data<std::uint8_t>()[tap * channels + c] = shade(mean, largest);
    }
  return out;
}

void draw(Canvas& canvas, const Filters& filters, const Tensor& weights, double largest, std::int64_t top,
          std::int64_t left) {
  const FilterGrid grid(filters);
  for (std::int64_t f = 0; f < grid.count; ++f) {
    const std::int64_t y = top + f / grid.columns * grid.cell_height, x = left + f % grid.columns * grid.cell_width;
    const std::int64_t inner = grid.cell_width - filter_gap;
    const Tensor picture = picture_of(weights, f, largest);
    canvas.paste(picture.span<std::uint8_t>(), picture.shape(), y, x + (inner - grid.width * grid.zoom) / 2, grid.zoom);
    const std::string norm = short_number(filters.norms[static_cast<std::size_t>(f)]);
    canvas.write(norm, y + grid.height * grid.zoom + norm_gap, x + (inner - Canvas::width_of(norm, letter_zoom)) / 2,
                 letter_zoom);
  }
}

}  // namespace

std::string short_number(double value) {
  if (std::isnan(value)) return "NAN";
  if (std::isinf(value)) return "INF";
  std::array<char, 32> out{};
  const auto as = [&](const char* format) {
    std::snprintf(out.data(), out.size(), format, value);
    return std::string(out.data());
  };
  if (value == 0) return "0";
  if (value >= 9999.5 || value < 0.01) {
    std::string power = as("%.0e");  // "4e-03"
    const std::size_t e = power.find('e');
    const int exponent = std::atoi(power.c_str() + e + 1);
    return power.substr(0, e) + 'E' + std::to_string(exponent);
  }
  if (value >= 9.95) return as("%.0f");
  return value >= 0.995 ? as("%.1f") : as("%.2f");
}

Tensor filter_sheet(std::span<const LabelledFilters> banks) {
  if (banks.empty()) fail("filter_sheet", "no filters", "those of one network at least");
  std::vector<Tensor> weights;
  double largest = 0;
  std::int64_t height = 0, width = -block_gap;
  bool labels = false, colour = false;
  for (const LabelledFilters& bank : banks) {
    weights.push_back(cast(bank.filters.weights, DType::f64));
    largest = std::max(largest, largest_weight(weights.back()));
    const FilterGrid grid(bank.filters);
    height = std::max(height, grid.rows() * grid.cell_height);
    width += grid.block_width() + block_gap;
    labels = labels || !bank.label.empty();
    colour = colour || in_colour(bank.filters);
  }
  const std::int64_t head = labels ? letters_high + filter_gap : 0;
  Canvas canvas(filter_gap + head + height, width, colour ? 3 : 1);
  std::int64_t left = filter_gap;
  for (std::size_t i = 0; i < banks.size(); ++i) {
    const FilterGrid grid(banks[i].filters);
    // Of a long label the end: that is where names of runs differ.
    const auto most = static_cast<std::size_t>(grid.block_width() / (letter_step * letter_zoom));
    const std::string& label = banks[i].label;
    canvas.write(label.size() > most ? label.substr(label.size() - most) : label, filter_gap, left, letter_zoom);
    draw(canvas, banks[i].filters, weights[i], largest, filter_gap + head, left);
    left += grid.block_width() + block_gap;
  }
  return canvas.pixels();
}

}  // namespace ebb
