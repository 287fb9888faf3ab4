#include "framework/compute/convolution_plan.h"

#include <algorithm>

#include "framework/compute/blocks.h"

namespace ebb::detail {
namespace {

constexpr std::int64_t packed_bytes = 256 << 10;  // of a block of packed images: stays in the second cache

// Gather.
constexpr std::int64_t most_together = 8;  // images that share a tile

// Weight gradient.
constexpr std::int64_t most_blocks = 16;            // partial gradients
constexpr std::int64_t block_pixels = 512;          // least output pixels of one
constexpr std::int64_t partial_numbers = 1 << 22;   // most numbers in all partial gradients
constexpr std::int64_t whole_channels = 64;         // so many channels are packed as one block
constexpr std::int64_t gradient_bytes = 640 << 10;  // of the gradients that a slice adds to in turns
constexpr std::int64_t least_slices = 16;           // over all blocks of images

// Smallest and largest offset of any tap.
void span(const GatherAxis& axis, std::int64_t& least, std::int64_t& most) {
  bool any = false;
  for (std::int64_t phase = 0; phase < axis.phases(); ++phase) {
    for (std::int64_t k = 0; k < axis.kernel; ++k) {
      std::int64_t offset = 0;
      if (!axis.meets(k, phase, offset)) continue;
      least = any ? std::min(least, offset) : offset;
      most = any ? std::max(most, offset) : offset;
      any = true;
    }
  }
}

// Images that share tiles, and the bands that their rows are cut into.
template <class T>
void choose_blocks(GatherPlan& p, const GatherShape& shape, const kernels::Convolution<T>& kernel) {
  const GatherAxis& rows = shape.axis[0];
  const std::int64_t positions = shape.axis[1].positions(0);
  const std::int64_t all_rows = rows.positions(0);
  // Input rows that a band of so many positions needs, at most.
  const auto source_rows = [&](std::int64_t band) {
    return std::min(rows.source, (band - 1) * rows.step() + p.last_row - p.first_row + 1);
  };
  const auto bytes = [&](std::int64_t band, std::int64_t images) {
    return source_rows(band) * p.blocks * p.packed_row(images) * static_cast<std::int64_t>(sizeof(T));
  };
  // Cost of a row of so many positions, relative to others of this pass.
  const auto row_cost = [&](std::int64_t count) {
    return p.planes > 0 ? kernel.plane_cost(count, p.result) : kernel.row_cost(count, p.result > p.lanes ? 2 : 1);
  };
  if (!p.depthwise) {
    std::int64_t least = 0;
    for (std::int64_t n = 1; n <= std::min(shape.images, most_together); ++n) {
      if (n > 1 && bytes(std::min<std::int64_t>(all_rows, 4), n) > packed_bytes) break;
      const std::int64_t cost =
          (shape.images / n * row_cost(positions * n) + row_cost(positions * (shape.images % n))) * (100 + n);
      if (n > 1 && cost >= least) continue;
      least = cost;
      p.together = n;
    }
  }
  p.band_rows = all_rows;
  while (p.band_rows > 1 && bytes(p.band_rows, p.together) > packed_bytes) p.band_rows = ceil_div(p.band_rows, 2);
  // A few large images are cut into bands as well, for the threads.
  const std::int64_t groups = ceil_div(shape.images, p.together);
  if (groups < 8 && rows.result * shape.axis[1].result * p.taps * p.source * shape.result_channels > block_work)
    p.band_rows = std::min(p.band_rows, std::max<std::int64_t>(4, ceil_div(all_rows * groups, 8)));
  p.bands = ceil_div(all_rows, p.band_rows);
}

// Images are cut into bands of output rows where they are large or few; `block_units` bands are summed in one partial
// gradient, `together` images in registers.
void choose_blocks(WeightGradientPlan& p, std::int64_t element) {
  const ConvolutionShape& s = p.shape;
  const auto input_rows = [&](std::int64_t band) {
    const std::int64_t rows = (band - 1) * s.stride[0] + (s.kernel[0] - 1) * s.dilation[0] + 1;
    return p.planes ? rows : std::min(s.input[0], rows);
  };
  const auto bytes = [&](std::int64_t rows) {
    return input_rows(rows) * p.step * p.columns * p.blocks * p.block * element;
  };
  p.band_rows = s.output[0];
  while (p.band_rows > 1 && bytes(p.band_rows) > packed_bytes) p.band_rows = ceil_div(p.band_rows, 2);
  if (s.images < 8) p.band_rows = std::min(p.band_rows, std::max<std::int64_t>(4, ceil_div(s.output[0] * s.images, 8)));
  p.bands = ceil_div(s.output[0], p.band_rows);
  p.together =
      p.bands > 1 ? 1 : std::clamp<std::int64_t>(packed_bytes / std::max<std::int64_t>(1, bytes(p.band_rows)), 1, 16);
  const std::int64_t pixels = s.images * s.output[0] * s.output[1];
  const std::int64_t most = std::min(most_blocks, std::max<std::int64_t>(1, partial_numbers / p.size));
  const std::int64_t units = s.images * p.bands;
  p.image_blocks = std::clamp<std::int64_t>(pixels / block_pixels, 1, std::min(most, units));
  p.block_units = ceil_div(units, p.image_blocks);
  p.image_blocks = ceil_div(units, p.block_units);
  // Packed images serve several panels, unless their gradients would crowd the second cache or too few slices be left.
  const std::int64_t panel_bytes = std::max<std::int64_t>(1, p.size / s.out * p.panel * element);
  p.joint_panels = std::clamp<std::int64_t>(
      std::min(gradient_bytes / panel_bytes, p.image_blocks * p.groups * p.panels / least_slices), 1, p.panels);
}

}  // namespace

template <class T>
GatherPlan plan_gather(const GatherShape& shape, const kernels::Convolution<T>& kernel) {
  const GatherAxis& rows = shape.axis[0];
  const GatherAxis& columns = shape.axis[1];
  GatherPlan p;
  p.lanes = kernel.lanes;
  p.source = shape.source_channels / shape.groups;
  p.result = shape.result_channels / shape.groups;
  p.depthwise = shape.groups > 1 && p.source == 1 && p.result == 1;
  if (p.depthwise) p.source = p.result = shape.result_channels;
  p.packed_groups = p.depthwise ? 1 : shape.groups;
  p.planes = p.depthwise ? 0 : kernel.plane_channels(p.result);
  p.block = p.depthwise ? p.source : p.planes > 0 ? 1 : kernel.channel_block(p.source);
  p.panel = p.depthwise ? p.result : p.planes > 0 ? p.planes : 2 * p.lanes;
  p.blocks = ceil_div(p.source, p.block);
  p.taps = rows.kernel * columns.kernel;
  span(rows, p.first_row, p.last_row);
  span(columns, p.first_column, p.last_column);
  p.step = columns.step();
  p.packed_columns = ceil_div(p.last_column + (columns.positions(0) - 1) * p.step - p.first_column + 1, p.step);
  choose_blocks(p, shape, kernel);
  return p;
}

template <class T>
WeightGradientPlan plan_weight_gradient(const ConvolutionShape& shape, const kernels::Convolution<T>& kernel) {
  WeightGradientPlan p;
  p.shape = shape;
  p.x_pixel = shape.in;
  p.x_row = shape.input[1] * shape.in;
  ConvolutionShape& s = p.shape;
  if (s.kernel[0] == 1 && s.kernel[1] == 1 && s.padding[0] == 0 && s.padding[1] == 0) {
    // Only the pixels that are met are packed.
    p.x_pixel *= s.stride[1];
    p.x_row *= s.stride[0];
    s.input = s.output;
    s.stride = {1, 1};
  }
  p.depthwise = s.groups > 1 && s.in == s.groups && s.out == s.groups;
  p.groups = p.depthwise ? 1 : s.groups;
  p.source = s.in / p.groups;
  p.result = s.out / p.groups;
  p.planes = !p.depthwise && kernel.plane_gradient_cost(s.output[1], p.result) < s.output[1];
  p.block = p.planes ? 1 : p.depthwise || p.source <= whole_channels ? p.source : 16;
  p.blocks = ceil_div(p.source, p.block);
  p.panel = p.depthwise || p.planes ? p.result : 2 * kernel.lanes;
  p.panels = ceil_div(p.result, p.panel);
  p.size = s.kernel[0] * s.kernel[1] * (s.in / s.groups) * s.out;
  p.dy_columns = ceil_div(s.output[1], kernel.lanes) * kernel.lanes;
  p.step = p.planes ? s.stride[1] : 1;
  const std::int64_t halo = (s.kernel[1] - 1) * s.dilation[1];
  p.columns = p.planes ? p.dy_columns + halo / p.step : (s.output[1] - 1) * s.stride[1] + halo + 1;
  // Rows of x as long as those of dy let the kernel run through all rows at once; what it reads of the next row there
  // meets the zeros that fill up dy.
  if (p.planes && s.stride[0] == 1 && p.step == 1 && s.output[1] + halo <= p.dy_columns) p.columns = p.dy_columns;
  choose_blocks(p, static_cast<std::int64_t>(sizeof(T)));
  return p;
}

template GatherPlan plan_gather(const GatherShape&, const kernels::Convolution<float>&);
template GatherPlan plan_gather(const GatherShape&, const kernels::Convolution<double>&);
template WeightGradientPlan plan_weight_gradient(const ConvolutionShape&, const kernels::Convolution<float>&);
template WeightGradientPlan plan_weight_gradient(const ConvolutionShape&, const kernels::Convolution<double>&);

}  // namespace ebb::detail
