#include "framework/compute/convolution_gather.h"

#include <algorithm>

#include "framework/compute/blocks.h"
#include "framework/compute/instruction_set.h"
#include "framework/compute/moments.h"
#include "framework/parallel/parallel.h"

namespace ebb::detail {
namespace {

using kernels::ConvTap;

constexpr std::int64_t packed_bytes = 256 << 10;  // of a block of packed images: stays in the second cache
constexpr std::int64_t block_work = 1 << 20;      // multiply-adds worth a parallel block
constexpr std::int64_t most_together = 8;         // images that share a tile

// Scratch slots.
constexpr int weights_slot = 0, images_slot = 1, taps_slot = 2, tap_rows_slot = 3, stats_slot = 4, work_slot = 5,
              part_slot = 6;

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// The taps of all phases for blocks of a given number of images, ordered by phase, then by input row.
struct Taps {
  ConvTap* taps;
  std::int64_t* row;    // input row of each tap, relative to position * step
  std::int64_t* first;  // first tap of each phase, and their number at the end
};

template <class T>
class Pass {
 public:
  explicit Pass(const Gather<T>& args)
      : a_(args), kernel_(kernels_of<T>().convolution), rows_(args.axis[0]), columns_(args.axis[1]) {
    source_ = a_.source_channels / a_.groups;
    result_ = a_.result_channels / a_.groups;
    depthwise_ = a_.groups > 1 && source_ == 1 && result_ == 1;
    if (depthwise_) source_ = result_ = a_.result_channels;
    packed_groups_ = depthwise_ ? 1 : a_.groups;
    planes_ = depthwise_ ? 0 : kernel_.plane_channels(result_);
    block_ = depthwise_ ? source_ : planes_ > 0 ? 1 : kernel_.channel_block(source_);
    panel_ = depthwise_ ? result_ : planes_ > 0 ? planes_ : 2 * kernel_.lanes;
    blocks_ = ceil_div(source_, block_);
    tap_count_ = rows_.kernel * columns_.kernel;
    span(rows_, first_row_, last_row_);
    span(columns_, first_column_, last_column_);
    packed_columns_ =
        ceil_div(last_column_ + (columns_.positions(0) - 1) * columns_.step() - first_column_ + 1, columns_.step());
    choose_blocks();
  }

  void run() {
    if (!depthwise_) pack_weights();
    const std::int64_t rest = a_.images % together_;
    Taps full = make_taps(together_, 0);
    Taps part = rest == 0 ? full : make_taps(rest, 1);
    const std::int64_t items = ceil_div(a_.images, together_) * bands_;
    const std::int64_t channels = a_.result_channels;
    if (a_.stats != nullptr) stats_ = parallel::scratch<double>(stats_slot, items * moments_size(channels));
    const std::int64_t work = a_.images * rows_.result * columns_.result * tap_count_ * source_ * channels;
    const std::int64_t each = std::max<std::int64_t>(1, work / items);
    parallel::for_blocks(
        items, std::max<std::int64_t>(1, block_work / each), [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t item = begin; item < end; ++item) {
            const std::int64_t image = item / bands_ * together_;
            const std::int64_t count = std::min(together_, a_.images - image);
            const Block block{image, count, item % bands_ * band_rows_, count == together_ ? full : part};
            compute(block);
            if (a_.stats != nullptr) measure(block, stats_ + item * moments_size(channels));
            if (a_.relu) rectify(block);
          }
        });
    if (a_.stats == nullptr) return;
    merge_moment_blocks(stats_, items, channels);
    std::copy_n(stats_, moments_size(channels), a_.stats);
  }

 private:
  // Images and band of rows (positions of a phase) that are computed together.
  struct Block {
    std::int64_t image, images;
    std::int64_t first;  // position
    const Taps& taps;
  };

  // Smallest and largest offset of any tap.
  static void span(const GatherAxis& axis, std::int64_t& least, std::int64_t& most) {
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

  // Cost of a row of so many positions, relative to others of this pass.
  std::int64_t row_cost(std::int64_t positions) const {
    return planes_ > 0 ? kernel_.plane_cost(positions, result_)
                       : kernel_.row_cost(positions, result_ > kernel_.lanes ? 2 : 1);
  }

  // Width of the packed weights of a panel of so many channels.
  std::int64_t width(std::int64_t channels) const {
    return planes_ > 0 ? planes_ : channels > kernel_.lanes ? 2 * kernel_.lanes : kernel_.lanes;
  }

  // Elements between the packed weights of neighbouring steps, in the unit of ConvTap::w.
  std::int64_t weight_step() const { return planes_ > 0 ? planes_ : kernel_.lanes; }

  // Elements of a packed row of `images` images in one channel block.
  std::int64_t packed_row(std::int64_t images) const { return columns_.step() * packed_columns_ * images * block_; }

  // Input rows that a band of so many positions needs, at most.
  std::int64_t source_rows(std::int64_t band) const {
    return std::min(rows_.source, (band - 1) * rows_.step() + last_row_ - first_row_ + 1);
  }

  void choose_blocks() {
    const std::int64_t positions = columns_.positions(0);
    const std::int64_t all_rows = rows_.positions(0);
    const auto bytes = [&](std::int64_t band, std::int64_t images) {
      return source_rows(band) * blocks_ * packed_row(images) * static_cast<std::int64_t>(sizeof(T));
    };
    together_ = 1;
    if (!depthwise_) {
      std::int64_t least = 0;
      for (std::int64_t n = 1; n <= std::min(a_.images, most_together); ++n) {
        if (n > 1 && bytes(std::min<std::int64_t>(all_rows, 4), n) > packed_bytes) break;
        const std::int64_t cost =
            (a_.images / n * row_cost(positions * n) + row_cost(positions * (a_.images % n))) * (100 + n);
        if (n > 1 && cost >= least) continue;
        least = cost;
        together_ = n;
      }
    }
    band_rows_ = all_rows;
    while (band_rows_ > 1 && bytes(band_rows_, together_) > packed_bytes) band_rows_ = ceil_div(band_rows_, 2);
    // A few large images are cut into bands as well, for the threads.
    const std::int64_t groups = ceil_div(a_.images, together_);
    if (groups < 8 && rows_.result * columns_.result * tap_count_ * source_ * a_.result_channels > block_work)
      band_rows_ = std::min(band_rows_, std::max<std::int64_t>(4, ceil_div(all_rows * groups, 8)));
    bands_ = ceil_div(all_rows, band_rows_);
  }

  // Packed weights: [group][panel][block][tap][channel of the block][1 or 2 registers].
  void pack_weights() {
    const std::int64_t panels = ceil_div(result_, panel_);
    const std::int64_t depth = blocks_ * tap_count_ * block_;
    group_weights_ = ((panels - 1) * panel_ + width(result_ - (panels - 1) * panel_)) * depth;
    weights_ = parallel::scratch<T>(weights_slot, a_.groups * group_weights_);
    const std::int64_t each = std::max<std::int64_t>(1, 16384 / (panel_ * depth));
    const auto pack = kernels_of<T>().gemm.pack_columns;
    parallel::for_blocks(a_.groups * panels, each, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t at = begin; at < end; ++at) {
        const std::int64_t group = at / panels;
        const std::int64_t column = at % panels * panel_;
        const std::int64_t count = std::min(panel_, result_ - column);
        const std::int64_t columns = width(count);
        T* out = weights_ + group * group_weights_ + column * depth;
        for (std::int64_t b = 0; b < blocks_; ++b) {
          for (std::int64_t t = 0; t < tap_count_; ++t, out += block_ * columns) {
            const T* const from =
                a_.w + packed_tap(t) * a_.w_tap + group * a_.w_group + b * block_ * a_.w_source + column * a_.w_result;
            pack({from, a_.w_source, a_.w_result}, std::min(block_, source_ - b * block_), count, block_, columns, out);
          }
        }
      }
    });
  }

  // Packed weights run with ascending input offsets, so that neighbouring taps of stride 1 can be joined: backwards in
  // the input gradient.
  std::int64_t packed_tap(std::int64_t packed) const { return rows_.transposed ? tap_count_ - 1 - packed : packed; }

  Taps make_taps(std::int64_t images, int which) {
    const std::int64_t phases = rows_.phases() * columns_.phases();
    if (which == 0) {
      taps_ = parallel::scratch<ConvTap>(taps_slot, 2 * tap_count_);
      tap_rows_ = parallel::scratch<std::int64_t>(tap_rows_slot, 2 * (tap_count_ + phases + 1));
    }
    std::int64_t* const rows = tap_rows_ + which * (tap_count_ + phases + 1);
    const Taps taps{taps_ + which * tap_count_, rows, rows + tap_count_};
    const std::int64_t row_size = packed_row(images);
    const std::int64_t weights = depthwise_ ? a_.w_tap : block_ * weight_step();
    std::int64_t n = 0;
    for (std::int64_t phase = 0; phase < phases; ++phase) {
      taps.first[phase] = n;
      for (std::int64_t packed = 0; packed < tap_count_; ++packed) {
        const std::int64_t tap = packed_tap(packed);
        std::int64_t row = 0;
        std::int64_t column = 0;
        if (!rows_.meets(tap / columns_.kernel, phase / columns_.phases(), row)) continue;
        if (!columns_.meets(tap % columns_.kernel, phase % columns_.phases(), column)) continue;
        column -= first_column_;
        const std::int64_t at = column % columns_.step() * packed_columns_ + column / columns_.step();
        const ConvTap next{row * row_size + at * images * block_, (depthwise_ ? tap : packed) * weights, block_};
        if (!depthwise_ && n > taps.first[phase] && taps.row[n - 1] == row) {
          ConvTap& last = taps.taps[n - 1];
          if (next.x == last.x + last.steps && next.w == last.w + last.steps * weight_step()) {
            last.steps += block_;
            continue;
          }
        }
        taps.row[n] = row;
        taps.taps[n++] = next;
      }
    }
    taps.first[phases] = n;
    return taps;
  }

  void compute(const Block& block) {
    const std::int64_t last = std::min(rows_.positions(0), block.first + band_rows_);
    const std::int64_t begin = std::clamp<std::int64_t>(block.first * rows_.step() + first_row_, 0, rows_.source);
    const std::int64_t end = std::clamp<std::int64_t>((last - 1) * rows_.step() + last_row_ + 1, begin, rows_.source);
    kernels::ImagePacking<T> packing{};
    packing.x_pixel = a_.source_channels;
    packing.x_row = columns_.source * packing.x_pixel;
    packing.x_image = rows_.source * packing.x_row;
    packing.x_end = a_.x + a_.images * packing.x_image;
    packing.images = block.images;
    packing.rows = end - begin;
    packing.first_column = first_column_;
    packing.width = columns_.source;
    packing.step = columns_.step();
    packing.columns = packed_columns_;
    packing.channels = source_;
    packing.block = block_;
    packing.out_row = packed_row(block.images);
    packing.out_block = packing.rows * packing.out_row;
    const std::int64_t size = blocks_ * packing.out_block;
    packing.out = parallel::scratch<T>(images_slot, size + 4 * kernel_.lanes);
    std::fill_n(packing.out + size, 4 * kernel_.lanes, T(0));
    for (std::int64_t group = 0; group < packed_groups_; ++group) {
      packing.x = a_.x + block.image * packing.x_image + begin * packing.x_row + group * source_;
      kernel_.pack_images(packing);
      for (std::int64_t column = 0; column < result_; column += panel_)
        compute_panel(block, packing, last, begin, group, column);
    }
  }

  // All rows of the block for one panel of result channels.
  void compute_panel(const Block& block, const kernels::ImagePacking<T>& packing, std::int64_t last,
                     std::int64_t first_source, std::int64_t group, std::int64_t column) {
    const std::int64_t pixel = a_.result_channels;
    const std::int64_t channel = group * result_ + column;
    for (std::int64_t a = 0; a < rows_.phases(); ++a) {
      for (std::int64_t b = 0; b < columns_.phases(); ++b) {
        const std::int64_t phase = a * columns_.phases() + b;
        const std::int64_t columns = columns_.positions(b);
        for (std::int64_t q = block.first; q < std::min(last, rows_.positions(a)); ++q) {
          std::int64_t first = block.taps.first[phase];
          std::int64_t end = block.taps.first[phase + 1];
          const std::int64_t at = q * rows_.step();
          while (first < end && at + block.taps.row[first] < 0) ++first;
          while (first < end && at + block.taps.row[end - 1] >= rows_.source) --end;
          const std::int64_t offset = (at - first_source) * packing.out_row;
          T* const y =
              a_.y + ((block.image * rows_.result + q * rows_.phases() + a) * columns_.result + b) * pixel + channel;
          const T* const bias = a_.bias == nullptr ? nullptr : a_.bias + channel;
          if (depthwise_) {
            const kernels::DepthwiseRow<T> row{packing.out, offset, block.taps.taps + first, end - first, columns,
                                               block_,      source_};
            kernel_.depthwise_row(row, a_.w, bias, y, columns_.phases() * pixel);
            continue;
          }
          kernels::ConvRow<T> row{};
          row.x = packing.out;
          row.x_offset = offset;
          row.x_block = packing.out_block;
          row.taps = block.taps.taps + first;
          row.tap_count = end - first;
          row.blocks = blocks_;
          row.block = block_;
          row.channels = std::min(panel_, result_ - column);
          row.w = weights_ + group * group_weights_ + column * blocks_ * tap_count_ * block_;
          row.w_block = tap_count_ * block_ * width(row.channels);
          row.columns = columns;
          row.images = block.images;
          row.y = y;
          row.y_column = columns_.phases() * pixel;
          row.y_image = rows_.result * columns_.result * pixel;
          row.bias = bias;
          planes_ > 0 ? kernel_.plane_row(row) : kernel_.row(row);
        }
      }
    }
  }

  // Pixels of one image of the block (of a forward pass), and the first of them.
  std::int64_t pixels_of(const Block& block) const {
    return (std::min(rows_.result, block.first + band_rows_) - block.first) * columns_.result;
  }
  T* first_of(const Block& block, std::int64_t n) const {
    return a_.y + ((block.image + n) * rows_.result + block.first) * columns_.result * a_.result_channels;
  }

  // ReLU of the block's results, while they are in the cache.
  void rectify(const Block& block) const {
    for (std::int64_t n = 0; n < block.images; ++n) {
      T* const y = first_of(block, n);
      kernels_of<T>().activation.relu.forward(y, y, pixels_of(block) * a_.result_channels, T(0), T(0));
    }
  }

  // Moments of the block's outputs, while they are in the cache. Only for passes of one phase.
  void measure(const Block& block, double* moments) {
    const auto& normalization = kernels_of<T>().normalization;
    const std::int64_t channels = a_.result_channels;
    const std::int64_t pixels = pixels_of(block);
    T* const work = parallel::scratch<T>(work_slot, 3 * normalization.period(channels));
    double* const part = parallel::scratch<double>(part_slot, moments_size(channels));
    for (std::int64_t n = 0; n < block.images; ++n) {
      normalization.moments(first_of(block, n), pixels, channels, work, n == 0 ? moments : part);
      if (n > 0) merge_moments(moments, part, channels);
    }
  }

  const Gather<T>& a_;
  const kernels::Convolution<T>& kernel_;
  const GatherAxis& rows_;
  const GatherAxis& columns_;
  bool depthwise_ = false;
  std::int64_t source_ = 0, result_ = 0;  // channels of a packed group
  std::int64_t packed_groups_ = 0;
  std::int64_t planes_ = 0;              // width of the weights where positions are the lanes, else 0
  std::int64_t panel_ = 0;               // result channels computed together
  std::int64_t block_ = 0, blocks_ = 0;  // of source channels
  std::int64_t tap_count_ = 0;
  std::int64_t first_row_ = 0, last_row_ = 0, first_column_ = 0, last_column_ = 0;  // offsets of taps
  std::int64_t packed_columns_ = 0;                                                 // for each step
  std::int64_t together_ = 1;                                                       // images that share tiles
  std::int64_t band_rows_ = 1, bands_ = 1;
  std::int64_t group_weights_ = 0;
  T* weights_ = nullptr;
  ConvTap* taps_ = nullptr;
  std::int64_t* tap_rows_ = nullptr;
  double* stats_ = nullptr;
};

}  // namespace

template <class T>
void gather(const Gather<T>& args) {
  Pass<T>(args).run();
}

template void gather(const Gather<float>&);
template void gather(const Gather<double>&);

}  // namespace ebb::detail
