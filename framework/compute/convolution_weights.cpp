#include "framework/compute/convolution_weights.h"

#include <algorithm>

#include "framework/compute/instruction_set.h"
#include "framework/compute/tree.h"
#include "framework/parallel/parallel.h"

namespace ebb::detail {
namespace {

using kernels::ConvTap;

constexpr std::int64_t packed_bytes = 256 << 10;    // of packed images: stays in the second cache
constexpr std::int64_t most_blocks = 16;            // partial gradients
constexpr std::int64_t block_pixels = 512;          // least output pixels of one
constexpr std::int64_t partial_numbers = 1 << 22;   // most numbers in all partial gradients
constexpr std::int64_t whole_channels = 64;         // so many channels are packed as one block
constexpr std::int64_t gradient_bytes = 640 << 10;  // of the gradients that a slice adds to in turns
constexpr std::int64_t least_slices = 16;           // over all blocks of images

// Scratch slots.
constexpr int partial_slot = 0, images_slot = 1, dy_slot = 2, taps_slot = 3;

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

template <class T>
class Pass {
 public:
  Pass(const T* x, const T* dy, const ConvolutionShape& shape)
      : x_(x),
        dy_(dy),
        s_(shape),
        x_pixel_(shape.in),
        x_row_(shape.input[1] * shape.in),
        x_image_(shape.input[0] * x_row_),
        kernel_(kernels_of<T>().convolution) {
    if (s_.kernel[0] == 1 && s_.kernel[1] == 1 && s_.padding[0] == 0 && s_.padding[1] == 0) {
      // Only the pixels that are met are packed.
      x_pixel_ *= s_.stride[1];
      x_row_ *= s_.stride[0];
      s_.input = s_.output;
      s_.stride = {1, 1};
    }
    depthwise_ = s_.groups > 1 && s_.in == s_.groups && s_.out == s_.groups;
    groups_ = depthwise_ ? 1 : s_.groups;
    source_ = s_.in / groups_;
    result_ = s_.out / groups_;
    planes_ = !depthwise_ && kernel_.plane_gradient_cost(s_.output[1], result_) < s_.output[1];
    block_ = planes_ ? 1 : depthwise_ || source_ <= whole_channels ? source_ : 16;
    blocks_ = ceil_div(source_, block_);
    panel_ = depthwise_ || planes_ ? result_ : 2 * kernel_.lanes;
    panels_ = ceil_div(result_, panel_);
    size_ = s_.kernel[0] * s_.kernel[1] * (s_.in / s_.groups) * s_.out;
    const std::int64_t lanes = kernel_.lanes;
    dy_columns_ = ceil_div(s_.output[1], lanes) * lanes;
    step_ = planes_ ? s_.stride[1] : 1;
    const std::int64_t halo = (s_.kernel[1] - 1) * s_.dilation[1];
    columns_ = planes_ ? dy_columns_ + halo / step_ : (s_.output[1] - 1) * s_.stride[1] + halo + 1;
    // Rows of x as long as those of dy let the kernel run through all rows at once; what it reads of the next row there
    // meets the zeros that fill up dy.
    if (planes_ && s_.stride[0] == 1 && step_ == 1 && s_.output[1] + halo <= dy_columns_) columns_ = dy_columns_;
    choose_blocks();
  }

  void run(T* dw) {
    T* const partial = image_blocks_ == 1 ? dw : parallel::scratch<T>(partial_slot, image_blocks_ * size_);
    const std::int64_t slices = groups_ * ceil_div(panels_, joint_panels_);
    const std::int64_t units = s_.images * bands_;
    parallel::for_blocks(image_blocks_ * slices, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t item = begin; item < end; ++item) {
        const std::int64_t first = item / slices * block_units_;
        slice(first, std::min(units, first + block_units_), item % slices, partial + item / slices * size_);
      }
    });
    if (image_blocks_ == 1) return;
    tree_sum_parallel(partial, image_blocks_, size_, size_);
    std::copy_n(partial, size_, dw);
  }

 private:
  std::int64_t input_rows(std::int64_t band) const {
    const std::int64_t rows = (band - 1) * s_.stride[0] + (s_.kernel[0] - 1) * s_.dilation[0] + 1;
    return planes_ ? rows : std::min(s_.input[0], rows);
  }

  // Images are cut into bands of output rows where they are large or few; `block_units_` bands are summed in one
  // partial gradient, `together_` images in registers.
  void choose_blocks() {
    const auto bytes = [&](std::int64_t rows) {
      return input_rows(rows) * step_ * columns_ * blocks_ * block_ * static_cast<std::int64_t>(sizeof(T));
    };
    band_rows_ = s_.output[0];
    while (band_rows_ > 1 && bytes(band_rows_) > packed_bytes) band_rows_ = ceil_div(band_rows_, 2);
    if (s_.images < 8)
      band_rows_ = std::min(band_rows_, std::max<std::int64_t>(4, ceil_div(s_.output[0] * s_.images, 8)));
    bands_ = ceil_div(s_.output[0], band_rows_);
    together_ =
        bands_ > 1 ? 1 : std::clamp<std::int64_t>(packed_bytes / std::max<std::int64_t>(1, bytes(band_rows_)), 1, 16);
    const std::int64_t pixels = s_.images * s_.output[0] * s_.output[1];
    const std::int64_t most = std::min(most_blocks, std::max<std::int64_t>(1, partial_numbers / size_));
    const std::int64_t units = s_.images * bands_;
    image_blocks_ = std::clamp<std::int64_t>(pixels / block_pixels, 1, std::min(most, units));
    block_units_ = ceil_div(units, image_blocks_);
    image_blocks_ = ceil_div(units, block_units_);
    // Packed images serve several panels, unless their gradients would crowd the second cache or too few slices be
    // left.
    const std::int64_t panel_bytes = std::max<std::int64_t>(1, size_ / s_.out * panel_ * std::int64_t{sizeof(T)});
    joint_panels_ = std::clamp<std::int64_t>(
        std::min(gradient_bytes / panel_bytes, image_blocks_ * groups_ * panels_ / least_slices), 1, panels_);
  }

  // The gradient of one slice, some panels of one group, over units (bands of images) first .. last-1.
  void slice(std::int64_t first, std::int64_t last, std::int64_t which, T* dw) {
    const std::int64_t slices = ceil_div(panels_, joint_panels_);
    const std::int64_t group = which / slices;
    const std::int64_t begin_column = which % slices * joint_panels_ * panel_;
    const std::int64_t end_column = std::min(result_, begin_column + joint_panels_ * panel_);
    T* const to = dw + group * result_;
    for (std::int64_t row = 0; row < size_ / s_.out; ++row)
      std::fill(to + row * s_.out + begin_column, to + row * s_.out + end_column, T(0));
    for (std::int64_t unit = first; unit < last;) {
      const std::int64_t images = bands_ > 1 ? 1 : std::min(together_, last - unit);
      const std::int64_t begin = unit % bands_ * band_rows_;
      const Band band = pack(unit / bands_, images, begin, std::min(s_.output[0], begin + band_rows_), group);
      if (depthwise_) add_depthwise(band, to);
      else if (planes_) add_planes(band, group, to);
      else
        for (std::int64_t column = begin_column; column < end_column; column += panel_)
          add_panel(band, group, column, std::min(panel_, result_ - column), to + column);
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
    Band band{image, images, first, last, planes_ ? top : begin, planes_ ? bottom - top : end - begin, {}};
    kernels::ImagePacking<T>& p = band.packed;
    p.x_pixel = x_pixel_;
    p.x_row = x_row_;
    p.x_image = x_image_;
    p.x_end = x_ + s_.images * x_image_;
    p.images = 1;
    p.rows = end - begin;
    p.first_column = -s_.padding[1];
    p.width = s_.input[1];
    p.step = step_;
    p.columns = columns_;
    p.channels = source_;
    p.block = block_;
    p.out_row = step_ * columns_ * block_;
    const std::int64_t image_size = band.rows * p.out_row;
    p.out_block = images * image_size;
    const std::int64_t reach = planes_ ? columns_ : 0;  // of the last tap behind the last row
    T* const out = parallel::scratch<T>(images_slot, blocks_ * p.out_block + reach);
    std::fill_n(out + blocks_ * p.out_block, reach, T(0));
    if (p.rows < band.rows) std::fill_n(out, blocks_ * p.out_block, T(0));
    for (std::int64_t n = 0; n < images; ++n) {
      p.x = x_ + (image + n) * p.x_image + begin * p.x_row + group * source_;
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
    up.x = dy_ + band.image * up.x_image + band.first * up.x_row + group * result_;
    up.x_end = dy_ + s_.images * up.x_image;
    up.images = 1;
    up.rows = rows;
    up.width = s_.output[1];
    up.step = 1;
    up.columns = dy_columns_;
    up.channels = result_;
    up.block = 1;
    up.out_row = dy_columns_;
    up.out_block = band.images * rows * dy_columns_;
    T* const planes = parallel::scratch<T>(dy_slot, result_ * up.out_block);
    for (std::int64_t n = 0; n < band.images; ++n) {
      up.out = planes + n * rows * dy_columns_;
      kernel_.pack_images(up);
      up.x += up.x_image;
    }
    const std::int64_t taps = s_.kernel[0] * s_.kernel[1];
    std::int64_t* const offsets = parallel::scratch<std::int64_t>(taps_slot, taps * source_);
    for (std::int64_t t = 0; t < taps; ++t) {
      const std::int64_t row = t / s_.kernel[1] * s_.dilation[0];
      const std::int64_t column = t % s_.kernel[1] * s_.dilation[1];
      const std::int64_t at = row * band.packed.out_row + column % step_ * columns_ + column / step_;
      for (std::int64_t c = 0; c < source_; ++c) offsets[t * source_ + c] = at + c * band.packed.out_block;
    }
    kernels::ConvPlanes<T> args{};
    args.x = band.packed.out;
    args.x_image = band.rows * band.packed.out_row;
    args.x_row = s_.stride[0] * band.packed.out_row;
    args.taps = offsets;
    args.tap_count = taps * source_;
    args.dy = planes;
    args.dy_plane = up.out_block;
    args.dy_image = rows * dy_columns_;
    args.dy_row = dy_columns_;
    args.images = band.images;
    args.rows = rows;
    args.columns = dy_columns_;
    args.channels = result_;
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
    args.dy = dy_ + ((band.image * s_.output[0] + band.first) * s_.output[1]) * s_.out + group * result_ + column;
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
    args.x_column = s_.stride[1] * block_;
    args.images = band.images;
    args.columns = s_.output[1];
    args.dw_row = s_.out;
    args.channels = channels;
    const T* const dy = args.dy;
    // Neighbouring taps of a row stand side by side when all channels do.
    const bool joined = blocks_ == 1 && s_.dilation[1] == 1;
    for (std::int64_t i = 0; i < s_.kernel[0]; ++i) {
      std::int64_t first = 0;
      std::int64_t last = 0;
      valid_rows(band, i, first, last);
      if (first == last) continue;
      args.rows = last - first;
      args.dy = dy + (first - band.first) * args.dy_row;
      const std::int64_t at = first * s_.stride[0] + i * s_.dilation[0] - s_.padding[0] - band.source;
      for (std::int64_t j = 0; j < (joined ? 1 : s_.kernel[1]); ++j) {
        for (std::int64_t b = 0; b < blocks_; ++b) {
          args.x = band.packed.out + b * band.packed.out_block + at * band.packed.out_row + j * s_.dilation[1] * block_;
          args.count = joined ? s_.kernel[1] * source_ : std::min(block_, source_ - b * block_);
          args.dw = to + ((i * s_.kernel[1] + j) * source_ + b * block_) * s_.out;
          kernel_.weight_gradient(args);
        }
      }
    }
  }

  void add_depthwise(const Band& band, T* to) {
    ConvTap* const taps = parallel::scratch<ConvTap>(taps_slot, s_.kernel[1]);
    for (std::int64_t i = 0; i < s_.kernel[0]; ++i) {
      for (std::int64_t j = 0; j < s_.kernel[1]; ++j)
        taps[j] = {j * s_.dilation[1] * block_, (i * s_.kernel[1] + j) * s_.out, 1};
      std::int64_t first = 0;
      std::int64_t last = 0;
      valid_rows(band, i, first, last);
      for (std::int64_t n = 0; n < band.images; ++n) {
        for (std::int64_t row = first; row < last; ++row) {
          const std::int64_t at = row * s_.stride[0] + i * s_.dilation[0] - s_.padding[0] - band.source;
          const std::int64_t offset = (n * band.rows + at) * band.packed.out_row;
          const kernels::DepthwiseRow<T> args{band.packed.out,       offset, taps, s_.kernel[1], s_.output[1],
                                              s_.stride[1] * block_, s_.out};
          const T* const dy = dy_ + ((band.image + n) * s_.output[0] + row) * s_.output[1] * s_.out;
          kernel_.depthwise_gradient(args, dy, s_.out, to);
        }
      }
    }
  }

  const T* x_;
  const T* dy_;
  ConvolutionShape s_;
  std::int64_t x_pixel_, x_row_, x_image_;
  const kernels::Convolution<T>& kernel_;
  bool depthwise_ = false;
  std::int64_t groups_ = 1;                          // packed separately
  std::int64_t source_ = 0, result_ = 0;             // channels of a packed group
  std::int64_t block_ = 0, blocks_ = 0;              // of source channels
  std::int64_t panel_ = 0, panels_ = 0;              // of result channels
  std::int64_t joint_panels_ = 1;                    // of a slice
  std::int64_t size_ = 0;                            // numbers of the gradient
  bool planes_ = false;                              // few result channels: positions are the lanes
  std::int64_t step_ = 1;                            // of packed columns
  std::int64_t dy_columns_ = 0;                      // of packed rows of dy planes
  std::int64_t columns_ = 0;                         // of packed rows
  std::int64_t band_rows_ = 1, bands_ = 1;           // of output rows
  std::int64_t together_ = 1;                        // images summed in registers
  std::int64_t image_blocks_ = 1, block_units_ = 1;  // partial gradients
};

}  // namespace

template <class T>
void weight_gradient(const T* x, const T* dy, T* dw, const ConvolutionShape& shape) {
  Pass<T>(x, dy, shape).run(dw);
}

template void weight_gradient(const float*, const float*, float*, const ConvolutionShape&);
template void weight_gradient(const double*, const double*, double*, const ConvolutionShape&);

}  // namespace ebb::detail
