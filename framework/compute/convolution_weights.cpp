#include "framework/compute/convolution_weights.h"

#include <algorithm>

#include "framework/compute/blocks.h"
#include "framework/compute/convolution_plan.h"
#include "framework/compute/instruction_set.h"
#include "framework/compute/tree.h"
#include "framework/parallel/parallel.h"

namespace ebb::detail {
namespace {

using kernels::ConvTap;

template <class T>
class WeightGradientRun {
  // Scratch slots.
  static constexpr int partial_slot = 0, images_slot = 1, dy_slot = 2, taps_slot = 3;

 public:
  WeightGradientRun(const T* x, const T* dy, const ConvolutionShape& shape)
      : x_(x),
        dy_(dy),
        x_image_(shape.input[0] * shape.input[1] * shape.in),
        kernel_(kernels_of<T>().convolution),
        p_(plan_weight_gradient(shape, kernel_)),
        s_(p_.shape) {}

  void run(T* dw) {
    T* const partial = p_.image_blocks == 1 ? dw : parallel::scratch<T>(partial_slot, p_.image_blocks * p_.size);
    const std::int64_t slices = p_.slices();
    const std::int64_t units = s_.images * p_.bands;
    parallel::for_blocks(p_.image_blocks * slices, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t item = begin; item < end; ++item) {
        const std::int64_t first = item / slices * p_.block_units;
        slice(first, std::min(units, first + p_.block_units), item % slices, partial + item / slices * p_.size);
      }
    });
    if (p_.image_blocks == 1) return;
    tree_sum_parallel(partial, p_.image_blocks, p_.size, p_.size);
    std::copy_n(partial, p_.size, dw);
  }

 private:
  // The gradient of one slice, some panels of one group, over units (bands of images) first .. last-1.
  void slice(std::int64_t first, std::int64_t last, std::int64_t which, T* dw) {
    const std::int64_t slices = ceil_div(p_.panels, p_.joint_panels);
    const std::int64_t group = which / slices;
    const std::int64_t begin_column = which % slices * p_.joint_panels * p_.panel;
    const std::int64_t end_column = std::min(p_.result, begin_column + p_.joint_panels * p_.panel);
    T* const to = dw + group * p_.result;
    for (std::int64_t row = 0; row < p_.size / s_.out; ++row)
      std::fill(to + row * s_.out + begin_column, to + row * s_.out + end_column, T(0));
    for (std::int64_t unit = first; unit < last;) {
      const std::int64_t images = p_.bands > 1 ? 1 : std::min(p_.together, last - unit);
      const std::int64_t begin = unit % p_.bands * p_.band_rows;
      const Band band = pack(unit / p_.bands, images, begin, std::min(s_.output[0], begin + p_.band_rows), group);
      if (p_.depthwise) add_depthwise(band, to);
      else if (p_.planes) add_planes(band, group, to);
      else
        for (std::int64_t column = begin_column; column < end_column; column += p_.panel)
          add_panel(band, group, column, std::min(p_.panel, p_.result - column), to + column);
      unit += images;
    }
  }

  // Packed images and the output rows they serve.
  struct Band {
    std::int64_t image, images;
    std::int64_t first, last;   // output rows
    std::int64_t source, rows;  // first packed input row, and their number
    kernels::ImagePacking<T> packed;
  };

  Band pack(std::int64_t image, std::int64_t images, std::int64_t first, std::int64_t last, std::int64_t group) {
    const std::int64_t top = first * s_.stride[0] - s_.padding[0];
    const std::int64_t bottom = (last - 1) * s_.stride[0] - s_.padding[0] + (s_.kernel[0] - 1) * s_.dilation[0] + 1;
    const std::int64_t begin = std::clamp<std::int64_t>(top, 0, s_.input[0]);
    const std::int64_t end = std::clamp(bottom, begin, s_.input[0]);
    // Planes keep the rows outside the image, as zeros, so that all taps meet all output rows.
    Band band{image, images, first, last, p_.planes ? top : begin, p_.planes ? bottom - top : end - begin, {}};
    kernels::ImagePacking<T>& p = band.packed;
    p.x_pixel = p_.x_pixel;
    p.x_row = p_.x_row;
    p.x_image = x_image_;
    p.x_end = x_ + s_.images * x_image_;
    p.images = 1;
    p.rows = end - begin;
    p.first_column = -s_.padding[1];
    p.width = s_.input[1];
    p.step = p_.step;
    p.columns = p_.columns;
    p.channels = p_.source;
    p.block = p_.block;
    p.out_row = p_.step * p_.columns * p_.block;
    const std::int64_t image_size = band.rows * p.out_row;
    p.out_block = images * image_size;
    const std::int64_t reach = p_.planes ? p_.columns : 0;  // of the last tap behind the last row
    T* const out = parallel::scratch<T>(images_slot, p_.blocks * p.out_block + reach);
    std::fill_n(out + p_.blocks * p.out_block, reach, T(0));
    if (p.rows < band.rows) std::fill_n(out, p_.blocks * p.out_block, T(0));
    for (std::int64_t n = 0; n < images; ++n) {
      p.x = x_ + (image + n) * p.x_image + begin * p.x_row + group * p_.source;
      p.out = out + n * image_size + (begin - band.source) * p.out_row;
      kernel_.pack_images(p);
    }
    p.out = out;
    return band;
  }

  void add_planes(const Band& band, std::int64_t group, T* to) {
    const std::int64_t rows = band.last - band.first;
    kernels::ImagePacking<T> up{};
    up.x_pixel = s_.out;
    up.x_row = s_.output[1] * s_.out;
    up.x_image = s_.output[0] * up.x_row;
    up.x = dy_ + band.image * up.x_image + band.first * up.x_row + group * p_.result;
    up.x_end = dy_ + s_.images * up.x_image;
    up.images = 1;
    up.rows = rows;
    up.width = s_.output[1];
    up.step = 1;
    up.columns = p_.dy_columns;
    up.channels = p_.result;
    up.block = 1;
    up.out_row = p_.dy_columns;
    up.out_block = band.images * rows * p_.dy_columns;
    T* const planes = parallel::scratch<T>(dy_slot, p_.result * up.out_block);
    for (std::int64_t n = 0; n < band.images; ++n) {
      up.out = planes + n * rows * p_.dy_columns;
      kernel_.pack_images(up);
      up.x += up.x_image;
    }
    const std::int64_t taps = s_.kernel[0] * s_.kernel[1];
    std::int64_t* const offsets = parallel::scratch<std::int64_t>(taps_slot, taps * p_.source);
    for (std::int64_t t = 0; t < taps; ++t) {
      const std::int64_t row = t / s_.kernel[1] * s_.dilation[0];
      const std::int64_t column = t % s_.kernel[1] * s_.dilation[1];
      const std::int64_t at = row * band.packed.out_row + column % p_.step * p_.columns + column / p_.step;
      for (std::int64_t c = 0; c < p_.source; ++c) offsets[t * p_.source + c] = at + c * band.packed.out_block;
    }
    kernels::ConvPlanes<T> args{};
    args.x = band.packed.out;
    args.x_image = band.rows * band.packed.out_row;
    args.x_row = s_.stride[0] * band.packed.out_row;
    args.taps = offsets;
    args.tap_count = taps * p_.source;
    args.dy = planes;
    args.dy_plane = up.out_block;
    args.dy_image = rows * p_.dy_columns;
    args.dy_row = p_.dy_columns;
    args.images = band.images;
    args.rows = rows;
    args.columns = p_.dy_columns;
    args.channels = p_.result;
    args.dw = to;
    args.dw_row = s_.out;
    kernel_.plane_gradient(args);
  }

  // Output rows first .. last-1 of the band whose tap row k meets the image.
  void valid_rows(const Band& band, std::int64_t k, std::int64_t& first, std::int64_t& last) const {
    const std::int64_t offset = k * s_.dilation[0] - s_.padding[0];
    first = band.first;
    last = band.last;
    while (first < last && first * s_.stride[0] + offset < 0) ++first;
    while (first < last && (last - 1) * s_.stride[0] + offset >= s_.input[0]) --last;
  }

  void add_panel(const Band& band, std::int64_t group, std::int64_t column, std::int64_t channels, T* to) {
    const std::int64_t width = channels > kernel_.lanes ? 2 * kernel_.lanes : kernel_.lanes;
    const std::int64_t rows = band.last - band.first;
    kernels::ConvWeights<T> args{};
    args.dy = dy_ + ((band.image * s_.output[0] + band.first) * s_.output[1]) * s_.out + group * p_.result + column;
    args.dy_column = s_.out;
    args.dy_image = s_.output[0] * s_.output[1] * s_.out;
    if (channels < width) {  // so that full registers can be read
      T* const packed = parallel::scratch<T>(dy_slot, band.images * rows * s_.output[1] * width);
      for (std::int64_t n = 0; n < band.images; ++n)
        kernels_of<T>().gemm.pack_columns({args.dy + n * args.dy_image, s_.out, 1}, rows * s_.output[1], channels,
                                          rows * s_.output[1], width, packed + n * rows * s_.output[1] * width);
      args.dy = packed;
      args.dy_column = width;
      args.dy_image = rows * s_.output[1] * width;
    }
    args.dy_row = s_.output[1] * args.dy_column;
    args.x_image = band.rows * band.packed.out_row;
    args.x_row = s_.stride[0] * band.packed.out_row;
    args.x_column = s_.stride[1] * p_.block;
    args.images = band.images;
    args.columns = s_.output[1];
    args.dw_row = s_.out;
    args.channels = channels;
    const T* const dy = args.dy;
    // Neighbouring taps of a row stand side by side when all channels do.
    const bool joined = p_.blocks == 1 && s_.dilation[1] == 1;
    for (std::int64_t i = 0; i < s_.kernel[0]; ++i) {
      std::int64_t first = 0;
      std::int64_t last = 0;
      valid_rows(band, i, first, last);
      if (first == last) continue;
      args.rows = last - first;
      args.dy = dy + (first - band.first) * args.dy_row;
      const std::int64_t at = first * s_.stride[0] + i * s_.dilation[0] - s_.padding[0] - band.source;
      for (std::int64_t j = 0; j < (joined ? 1 : s_.kernel[1]); ++j) {
        for (std::int64_t b = 0; b < p_.blocks; ++b) {
          args.x =
              band.packed.out + b * band.packed.out_block + at * band.packed.out_row + j * s_.dilation[1] * p_.block;
          args.count = joined ? s_.kernel[1] * p_.source : std::min(p_.block, p_.source - b * p_.block);
          args.dw = to + ((i * s_.kernel[1] + j) * p_.source + b * p_.block) * s_.out;
          kernel_.weight_gradient(args);
        }
      }
    }
  }

  void add_depthwise(const Band& band, T* to) {
    ConvTap* const taps = parallel::scratch<ConvTap>(taps_slot, s_.kernel[1]);
    for (std::int64_t i = 0; i < s_.kernel[0]; ++i) {
      for (std::int64_t j = 0; j < s_.kernel[1]; ++j)
        taps[j] = {j * s_.dilation[1] * p_.block, (i * s_.kernel[1] + j) * s_.out, 1};
      std::int64_t first = 0;
      std::int64_t last = 0;
      valid_rows(band, i, first, last);
      for (std::int64_t n = 0; n < band.images; ++n) {
        for (std::int64_t row = first; row < last; ++row) {
          const std::int64_t at = row * s_.stride[0] + i * s_.dilation[0] - s_.padding[0] - band.source;
          const std::int64_t offset = (n * band.rows + at) * band.packed.out_row;
          const kernels::DepthwiseRow<T> args{band.packed.out,         offset, taps, s_.kernel[1], s_.output[1],
                                              s_.stride[1] * p_.block, s_.out};
          const T* const dy = dy_ + ((band.image + n) * s_.output[0] + row) * s_.output[1] * s_.out;
          kernel_.depthwise_gradient(args, dy, s_.out, to);
        }
      }
    }
  }

  const T* x_;
  const T* dy_;
  std::int64_t x_image_;
  const kernels::Convolution<T>& kernel_;
  const WeightGradientPlan p_;
  const ConvolutionShape& s_;
};

}  // namespace

template <class T>
void weight_gradient(const T* x, const T* dy, T* dw, const ConvolutionShape& shape) {
  WeightGradientRun<T>(x, dy, shape).run(dw);
}

template void weight_gradient(const float*, const float*, float*, const ConvolutionShape&);
template void weight_gradient(const double*, const double*, double*, const ConvolutionShape&);

}  // namespace ebb::detail
