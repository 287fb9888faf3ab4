#include "framework/compute/convolution_gather.h"

#include <algorithm>

#include "framework/compute/blocks.h"
#include "framework/compute/convolution_plan.h"
#include "framework/compute/instruction_set.h"
#include "framework/compute/moments.h"
#include "framework/parallel/parallel.h"

namespace ebb::detail {
namespace {

using kernels::ConvTap;

// The taps of all phases for blocks of a given number of images, ordered by phase, then by input row.
struct Taps {
  ConvTap* taps;
  std::int64_t* row;    // input row of each tap, relative to position * step
  std::int64_t* first;  // first tap of each phase, and their number at the end
};

template <class T>
class GatherRun {
  // Scratch slots.
  static constexpr int weights_slot = 0, images_slot = 1, taps_slot = 2, tap_rows_slot = 3, stats_slot = 4,
                       work_slot = 5, part_slot = 6;

 public:
  explicit GatherRun(const Gather<T>& args)
      : a_(args),
        kernel_(kernels_of<T>().convolution),
        rows_(args.axis[0]),
        columns_(args.axis[1]),
        p_(plan_gather(args, kernel_)),
        panels_(ceil_div(p_.result, p_.panel)),
        group_weights_(((panels_ - 1) * p_.panel + p_.width(p_.result - (panels_ - 1) * p_.panel)) * depth()) {}

  // Numbers of the packed weights: [group][panel][block][tap][channel of the block][1 or 2 registers].
  std::int64_t packed_size() const { return p_.depthwise ? 0 : a_.groups * group_weights_; }

  void pack_weights(T* weights) const {
    const std::int64_t panels = panels_, depth = this->depth();
    const std::int64_t each = std::max<std::int64_t>(1, 16384 / (p_.panel * depth));
    const auto pack = kernels_of<T>().gemm.pack_columns;
    parallel::for_blocks(a_.groups * panels, each, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t at = begin; at < end; ++at) {
        const std::int64_t group = at / panels;
        const std::int64_t column = at % panels * p_.panel;
        const std::int64_t count = std::min(p_.panel, p_.result - column);
        const std::int64_t columns = p_.width(count);
        T* out = weights + group * group_weights_ + column * depth;
        for (std::int64_t b = 0; b < p_.blocks; ++b) {
          for (std::int64_t t = 0; t < p_.taps; ++t, out += p_.block * columns) {
            const T* const from = a_.w + packed_tap(t) * a_.w_tap + group * a_.w_group + b * p_.block * a_.w_source +
                                  column * a_.w_result;
            pack({from, a_.w_source, a_.w_result}, std::min(p_.block, p_.source - b * p_.block), count, p_.block,
                 columns, out);
          }
        }
      }
    });
  }

  void run() {
    weights_ = a_.packed;
    if (!p_.depthwise && weights_ == nullptr) {
      T* const packed = parallel::scratch<T>(weights_slot, packed_size());
      pack_weights(packed);
      weights_ = packed;
    }
    const std::int64_t rest = a_.images % p_.together;
    Taps full = make_taps(p_.together, 0);
    Taps part = rest == 0 ? full : make_taps(rest, 1);
    const std::int64_t items = ceil_div(a_.images, p_.together) * p_.bands;
    const std::int64_t channels = a_.result_channels;
    if (a_.stats != nullptr) stats_ = parallel::scratch<double>(stats_slot, items * moments_size(channels));
    const std::int64_t work = a_.images * rows_.result * columns_.result * p_.taps * p_.source * channels;
    const std::int64_t each = std::max<std::int64_t>(1, work / items);
    parallel::for_blocks(
        items, std::max<std::int64_t>(1, block_work / each), [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t item = begin; item < end; ++item) {
            const std::int64_t image = item / p_.bands * p_.together;
            const std::int64_t count = std::min(p_.together, a_.images - image);
            const Block block{image, count, item % p_.bands * p_.band_rows, count == p_.together ? full : part};
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

  std::int64_t depth() const { return p_.blocks * p_.taps * p_.block; }

  // Packed weights run with ascending input offsets, so that neighbouring taps of stride 1 can be joined: backwards in
  // the input gradient.
  std::int64_t packed_tap(std::int64_t packed) const { return rows_.transposed ? p_.taps - 1 - packed : packed; }

  Taps make_taps(std::int64_t images, int which) {
    const std::int64_t phases = rows_.phases() * columns_.phases();
    if (which == 0) {
      taps_ = parallel::scratch<ConvTap>(taps_slot, 2 * p_.taps);
      tap_rows_ = parallel::scratch<std::int64_t>(tap_rows_slot, 2 * (p_.taps + phases + 1));
    }
    std::int64_t* const rows = tap_rows_ + which * (p_.taps + phases + 1);
    const Taps taps{taps_ + which * p_.taps, rows, rows + p_.taps};
    const std::int64_t row_size = p_.packed_row(images);
    const std::int64_t weights = p_.depthwise ? a_.w_tap : p_.block * p_.weight_step();
    std::int64_t n = 0;
    for (std::int64_t phase = 0; phase < phases; ++phase) {
      taps.first[phase] = n;
      for (std::int64_t packed = 0; packed < p_.taps; ++packed) {
        const std::int64_t tap = packed_tap(packed);
        std::int64_t row = 0;
        std::int64_t column = 0;
        if (!rows_.meets(tap / columns_.kernel, phase / columns_.phases(), row)) continue;
        if (!columns_.meets(tap % columns_.kernel, phase % columns_.phases(), column)) continue;
        column -= p_.first_column;
        const std::int64_t at = column % columns_.step() * p_.packed_columns + column / columns_.step();
        const ConvTap next{row * row_size + at * images * p_.block, (p_.depthwise ? tap : packed) * weights, p_.block};
        if (!p_.depthwise && n > taps.first[phase] && taps.row[n - 1] == row) {
          ConvTap& last = taps.taps[n - 1];
          if (next.x == last.x + last.steps && next.w == last.w + last.steps * p_.weight_step()) {
            last.steps += p_.block;
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
    const std::int64_t last = std::min(rows_.positions(0), block.first + p_.band_rows);
    const std::int64_t begin = std::clamp<std::int64_t>(block.first * rows_.step() + p_.first_row, 0, rows_.source);
    const std::int64_t end = std::clamp<std::int64_t>((last - 1) * rows_.step() + p_.last_row + 1, begin, rows_.source);
    kernels::ImagePacking<T> packing{};
    packing.x_pixel = a_.source_channels;
    packing.x_row = columns_.source * packing.x_pixel;
    packing.x_image = rows_.source * packing.x_row;
    packing.x_end = a_.x + a_.images * packing.x_image;
    packing.images = block.images;
    packing.rows = end - begin;
    packing.first_column = p_.first_column;
    packing.width = columns_.source;
    packing.step = columns_.step();
    packing.columns = p_.packed_columns;
    packing.channels = p_.source;
    packing.block = p_.block;
    packing.out_row = p_.packed_row(block.images);
    packing.out_block = packing.rows * packing.out_row;
    const std::int64_t size = p_.blocks * packing.out_block;
    packing.out = parallel::scratch<T>(images_slot, size + kernels::plane_registers * kernel_.lanes);
    std::fill_n(packing.out + size, kernels::plane_registers * kernel_.lanes, T(0));
    for (std::int64_t group = 0; group < p_.packed_groups; ++group) {
      packing.x = a_.x + block.image * packing.x_image + begin * packing.x_row + group * p_.source;
      kernel_.pack_images(packing);
      for (std::int64_t column = 0; column < p_.result; column += p_.panel)
        compute_panel(block, packing, last, begin, group, column);
    }
  }

  // All rows of the block for one panel of result channels.
  void compute_panel(const Block& block, const kernels::ImagePacking<T>& packing, std::int64_t last,
                     std::int64_t first_source, std::int64_t group, std::int64_t column) {
    const std::int64_t pixel = a_.result_channels;
    const std::int64_t channel = group * p_.result + column;
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
          if (p_.depthwise) {
            const kernels::DepthwiseRow<T> row{packing.out, offset,   block.taps.taps + first, end - first, columns,
                                               p_.block,    p_.source};
            kernel_.depthwise_row(row, a_.w, bias, y, columns_.phases() * pixel);
            continue;
          }
          kernels::ConvRow<T> row{};
          row.x = packing.out;
          row.x_offset = offset;
          row.x_block = packing.out_block;
          row.taps = block.taps.taps + first;
          row.tap_count = end - first;
          row.blocks = p_.blocks;
          row.block = p_.block;
          row.channels = std::min(p_.panel, p_.result - column);
          row.w = weights_ + group * group_weights_ + column * p_.blocks * p_.taps * p_.block;
          row.w_block = p_.taps * p_.block * p_.width(row.channels);
          row.columns = columns;
          row.images = block.images;
          row.y = y;
          row.y_column = columns_.phases() * pixel;
          row.y_image = rows_.result * columns_.result * pixel;
          row.bias = bias;
          p_.planes > 0 ? kernel_.plane_row(row) : kernel_.row(row);
        }
      }
    }
  }

  // Pixels of one image of the block (of a forward pass), and the first of them.
  std::int64_t pixels_of(const Block& block) const {
    return (std::min(rows_.result, block.first + p_.band_rows) - block.first) * columns_.result;
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
  const GatherPlan p_;
  const std::int64_t panels_, group_weights_;
  const T* weights_ = nullptr;
  ConvTap* taps_ = nullptr;
  std::int64_t* tap_rows_ = nullptr;
  double* stats_ = nullptr;
};

}  // namespace

template <class T>
void gather(const Gather<T>& args) {
  GatherRun<T>(args).run();
}

template <class T>
std::int64_t packed_gather_weights(const Gather<T>& args) {
  return GatherRun<T>(args).packed_size();
}

template <class T>
void pack_gather_weights(const Gather<T>& args, T* out) {
  const GatherRun<T> run(args);
  if (run.packed_size() > 0) run.pack_weights(out);
}

template void gather(const Gather<float>&);
template void gather(const Gather<double>&);
template std::int64_t packed_gather_weights(const Gather<float>&);
template std::int64_t packed_gather_weights(const Gather<double>&);
template void pack_gather_weights(const Gather<float>&, float*);
template void pack_gather_weights(const Gather<double>&, double*);

}  // namespace ebb::detail
