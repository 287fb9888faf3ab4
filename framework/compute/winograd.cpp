#include "framework/compute/winograd.h"

#include <algorithm>

#include "framework/compute/blocks.h"
#include "framework/compute/moments.h"
#include "framework/compute/winograd_tiles.h"
#include "framework/parallel/parallel.h"

namespace ebb::detail {
namespace {

// Two ways through the same sums. Many tiles: the transforms of all weights are made once, then blocks of tiles go
// through input transform, multiplication and output transform, slice by slice of 2 registers of result channels, with
// everything but the weights in the second cache. Few tiles (deep layers of small images, whose weights are larger than
// the images): the transforms of all tiles are made once, then each slice's weights are transformed just before their
// only use.
class WinogradGather {
  static constexpr std::int64_t most_tiles = 56;        // of a block
  static constexpr std::int64_t least_blocks = 8;       // smaller blocks rather than fewer
  static constexpr std::int64_t shared_tiles = 256;     // at most, where all blocks share their transforms
  static constexpr std::int64_t weight_cost = 10;       // of transforming a weight, in multiply-adds a point
  static constexpr std::int64_t far_numbers = 1 << 18;  // of kept weights, more than stay in the second cache
  static constexpr std::int64_t chunk_channels = 64;    // input channels whose weights are made ready together

  // Scratch slots. The first ones belong to the calling thread and are read by all.
  static constexpr int u_slot = 0, zeros_slot = 1, stats_slot = 4;
  static constexpr int v_slot = 2, m_slot = 3, packed_slot = 5, work_slot = 5, own_u_slot = 6;

 public:
  WinogradGather(const Gather<float>& args, const kernels::Winograd& kernel)
      : a_(args),
        kernel_(kernel),
        image_{args.axis[0].source, args.axis[1].source},
        result_{args.axis[0].result, args.axis[1].result},
        grid_(kernel, args.images, result_),
        depth_(ceil_div(args.source_channels, kernel.lanes) * kernel.lanes),
        panel_(2 * kernel.lanes),
        slices_(ceil_div(args.result_channels, panel_)),
        chunk_(std::min(depth_, chunk_channels)) {
    for (std::size_t i = 0; i < 2; ++i)
      padding_[i] = a_.axis[i].transposed ? 2 - a_.axis[i].padding : a_.axis[i].padding;
    few_tiles_ = grid_.tiles() <= std::min(shared_tiles, a_.result_channels);
    const std::int64_t most = std::clamp(grid_.tiles() / least_blocks, kernel_.rows, most_tiles);
    rows_ = grid_.block_rows(most, kernel_.rows);
    block_ = rows_ * grid_.columns();
  }

  std::int64_t packed_size() const { return slices_ * u_size(); }
  bool few_tiles() const { return few_tiles_; }

  // The transforms of all weights, slice by slice.
  void pack_weights(float* u) const {
    const std::int64_t grain = winograd_grain(slices_, weight_cost * kernel_.points * depth_ * slices_ * panel_);
    parallel::for_blocks(slices_, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t slice = begin; slice < end; ++slice)
        for (std::int64_t from = 0; from < depth_; from += chunk_)
          transform_weights(slice, from, std::min(chunk_, depth_ - from), u + slice * u_size() + from * width(slice),
                            u_point(slice));
    });
  }

  void run() {
    const std::int64_t zeros = (kernel_.outputs + 2) * a_.source_channels;
    zeros_ = parallel::scratch<float>(zeros_slot, zeros);
    std::fill_n(zeros_, zeros, 0.0F);
    few_tiles_ ? run_slices() : run_blocks();
  }

 private:
  std::int64_t multiply_adds() const { return kernel_.points * grid_.tiles() * depth_ * slices_ * panel_; }

  // Width of a slice of the weights.
  std::int64_t width(std::int64_t slice) const {
    return a_.result_channels - slice * panel_ > kernel_.lanes ? panel_ : kernel_.lanes;
  }
  std::int64_t u_point(std::int64_t slice) const { return winograd_stride(depth_ * width(slice)); }
  std::int64_t u_size() const { return kernel_.points * winograd_stride(depth_ * panel_); }  // of a slice, at most
  std::int64_t v_point(std::int64_t tiles) const {
    return winograd_stride(ceil_div(tiles, kernel_.rows) * kernel_.rows * depth_);
  }

  // The transforms of a slice of the weights from input channel `begin` on, `point` numbers apart: packed tap by tap.
  void transform_weights(std::int64_t slice, std::int64_t begin, std::int64_t count, float* u,
                         std::int64_t point) const {
    const std::int64_t wide = width(slice);
    const std::int64_t column = slice * panel_;
    const std::int64_t channels = std::min(panel_, a_.result_channels - column);
    float* const packed = parallel::scratch<float>(packed_slot, 9 * count * wide);
    const std::int64_t real = std::clamp<std::int64_t>(a_.source_channels - begin, 0, count);
    for (std::int64_t tap = 0; tap < 9; ++tap) {
      const std::int64_t from = a_.axis[0].transposed ? 8 - tap : tap;
      kernels_of<float>().gemm.pack_columns(
          {a_.w + from * a_.w_tap + begin * a_.w_source + column * a_.w_result, a_.w_source, a_.w_result}, real,
          channels, count, wide, packed + tap * count * wide);
    }
    kernel_.weights(packed, count, wide, u, point);
  }

  // The input's transforms of `count` tiles.
  void transform_input(std::int64_t first, std::int64_t count, std::int64_t point, float* v) const {
    kernel_.input(grid_.describe(first, count, image_, a_.source_channels, padding_, kernel_.rows, point), a_.x, zeros_,
                  v);
  }

  std::int64_t m_point(std::int64_t slice, std::int64_t count) const { return winograd_stride(count * width(slice)); }

  // The outputs of one slice of the result for `count` tiles.
  void transform_output(std::int64_t slice, std::int64_t first, std::int64_t count, const float* m) const {
    const std::int64_t wide = width(slice), m_point = this->m_point(slice, count);
    const std::int64_t column = slice * panel_;
    kernel_.output(grid_.describe(first, count, result_, a_.result_channels, {0, 0}, kernel_.rows, m_point), m,
                   std::min(panel_, a_.result_channels - column), wide, a_.bias == nullptr ? nullptr : a_.bias + column,
                   a_.y + column);
  }

  // All tiles with one slice of the weights, which are kept, or transformed for a few input channels at a time.
  void multiply_slice(std::int64_t slice, std::int64_t tiles, const float* v, std::int64_t point, float* m) const {
    const std::int64_t wide = width(slice), m_point = this->m_point(slice, tiles);
    kernels::WinogradProduct product{v,      point, nullptr,        0,     m,     m_point, tiles, kernel_.rows, depth_,
                                     depth_, wide,  kernel_.points, false, false, {}};
    if (a_.packed != nullptr) {
      product.u = a_.packed + slice * u_size();
      product.far = packed_size() > far_numbers;
      product.u_point = u_point(slice);
      kernel_.multiply(product);
      return;
    }
    float* const u = parallel::scratch<float>(own_u_slot, kernel_.points * winograd_stride(chunk_ * wide));
    product.u = u;
    for (std::int64_t from = 0; from < depth_; from += chunk_) {
      product.depth = std::min(chunk_, depth_ - from);
      product.u_point = winograd_stride(product.depth * wide);
      product.v = v + from * kernel_.rows;
      product.add = from > 0;
      transform_weights(slice, from, product.depth, u, product.u_point);
      kernel_.multiply(product);
    }
  }

  void run_blocks() {
    const float* u = a_.packed;
    if (u == nullptr) {
      float* const made = parallel::scratch<float>(u_slot, packed_size());
      pack_weights(made);
      u = made;
    }
    const std::int64_t blocks = ceil_div(grid_.rows(), rows_);
    double* const stats = begin_stats(blocks);
    parallel::for_blocks(blocks, winograd_grain(blocks, multiply_adds()), [&](std::int64_t begin, std::int64_t end) {
      const std::int64_t point = v_point(block_);
      float* const v = parallel::scratch<float>(v_slot, kernel_.points * point);
      for (std::int64_t block = begin; block < end; ++block) {
        const std::int64_t row = block * rows_;
        const std::int64_t last = std::min(grid_.rows(), row + rows_);
        const std::int64_t first = row * grid_.columns();
        const std::int64_t count = (last - row) * grid_.columns();
        transform_input(first, count, point, v);
        float* const m = parallel::scratch<float>(m_slot, kernel_.points * m_point(0, count));
        for (std::int64_t slice = 0; slice < slices_; ++slice) {
          kernel_.multiply({v, point, u + slice * u_size(), u_point(slice), m, m_point(slice, count), count,
                            kernel_.rows, depth_, depth_, width(slice), kernel_.points, false, false,
                            grid_.piece(a_.x, image_, a_.source_channels, last, last + rows_, slice, slices_)});
          transform_output(slice, first, count, m);
        }
        finish(block, stats);
      }
    });
    end_stats(blocks, stats);
  }

  void run_slices() {
    const std::int64_t point = v_point(grid_.tiles());
    float* const v = parallel::scratch<float>(u_slot, kernel_.points * point);
    parallel::for_blocks(ceil_div(grid_.tiles(), kernel_.rows), 1, [&](std::int64_t begin, std::int64_t end) {
      const std::int64_t first = begin * kernel_.rows;
      const std::int64_t count = std::min(grid_.tiles(), end * kernel_.rows) - first;
      transform_input(first, count, point, v + first * depth_);
    });
    parallel::for_blocks(slices_, winograd_grain(slices_, multiply_adds()), [&](std::int64_t begin, std::int64_t end) {
      const std::int64_t tiles = grid_.tiles();
      float* const m = parallel::scratch<float>(m_slot, kernel_.points * m_point(0, tiles));
      for (std::int64_t slice = begin; slice < end; ++slice) {
        multiply_slice(slice, tiles, v, point, m);
        transform_output(slice, 0, tiles, m);
      }
    });
    const std::int64_t blocks = ceil_div(grid_.rows(), rows_);
    double* const stats = begin_stats(blocks);
    if (stats == nullptr && !a_.relu) return;
    parallel::for_blocks(blocks, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t block = begin; block < end; ++block) finish(block, stats);
    });
    end_stats(blocks, stats);
  }

  double* begin_stats(std::int64_t blocks) const {
    return a_.stats == nullptr ? nullptr
                               : parallel::scratch<double>(stats_slot, blocks * moments_size(a_.result_channels));
  }

  // Moments of the channels of a block's results, and ReLU, while they are in the cache.
  void finish(std::int64_t block, double* stats) const {
    const std::int64_t channels = a_.result_channels;
    const std::int64_t begin = grid_.pixel_row(block * rows_);
    const std::int64_t end = grid_.pixel_row(std::min(grid_.rows(), (block + 1) * rows_));
    const std::int64_t pixels = (end - begin) * result_[1];
    float* const y = a_.y + begin * result_[1] * channels;
    if (stats != nullptr) {
      const auto& normalization = kernels_of<float>().normalization;
      float* const work = parallel::scratch<float>(work_slot, 3 * normalization.period(channels));
      normalization.moments(y, pixels, channels, work, stats + block * moments_size(channels));
    }
    if (a_.relu) kernels_of<float>().activation.relu.forward(y, y, pixels * channels, 0, 0);
  }

  void end_stats(std::int64_t blocks, double* stats) const {
    if (stats == nullptr) return;
    merge_moment_blocks(stats, blocks, a_.result_channels);
    std::copy_n(stats, moments_size(a_.result_channels), a_.stats);
  }

  const Gather<float>& a_;
  const kernels::Winograd& kernel_;
  std::array<std::int64_t, 2> image_, result_, padding_{};
  WinogradGrid grid_;
  std::int64_t depth_;           // source channels, whole registers
  std::int64_t panel_, slices_;  // result channels of a slice; slices
  std::int64_t chunk_;           // source channels whose weights are transformed together
  std::int64_t rows_ = 1;        // of tiles in a block
  std::int64_t block_ = 1;       // tiles in it
  bool few_tiles_ = false;
  float* zeros_ = nullptr;
};

}  // namespace

void winograd_gather(const Gather<float>& args, const kernels::Winograd& kernel) { WinogradGather(args, kernel).run(); }

std::int64_t packed_winograd_weights(const Gather<float>& args, const kernels::Winograd& kernel) {
  return WinogradGather(args, kernel).packed_size();
}

std::int64_t whole_winograd_weights(const Gather<float>& args, const kernels::Winograd& kernel) {
  const WinogradGather gather(args, kernel);
  return gather.few_tiles() ? 0 : gather.packed_size();
}

void pack_winograd_weights(const Gather<float>& args, const kernels::Winograd& kernel, float* out) {
  WinogradGather(args, kernel).pack_weights(out);
}

}  // namespace ebb::detail
