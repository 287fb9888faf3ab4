#include "framework/compute/winograd_weights.h"

#include <algorithm>

#include "framework/compute/blocks.h"
#include "framework/compute/tree.h"
#include "framework/compute/winograd_tiles.h"
#include "framework/parallel/parallel.h"

namespace ebb::detail {
namespace {

// A block of tiles: the input's transforms, then for each slice of 2 registers of output channels the gradient's
// transforms and the sums of their products over the tiles. Two ways: parts of the blocks, each with a gradient of its
// own, are summed side by side and added by a fixed tree; or, with many slices, the input is transformed once for all,
// and slices are summed side by side, each with sums that stay in the second cache.
class WinogradWeightGradient {
  static constexpr std::int64_t most_tiles = 56;           // of a block: longer sums round worse
  static constexpr std::int64_t least_tiles = 16;          // of a block
  static constexpr std::int64_t most_parts = 8;            // sums over a part of the blocks each
  static constexpr std::int64_t part_numbers = 1 << 22;    // most numbers in all of them
  static constexpr std::int64_t shared_numbers = 5 << 20;  // most numbers in shared transforms
  static constexpr std::int64_t least_slices = 4;          // that are worth sharing them

  // Scratch slots; the first two belong to the calling thread and are read by all.
  static constexpr int shared_slot = 0, zeros_slot = 1, v_slot = 2, d_slot = 3, s_slot = 4;

 public:
  WinogradWeightGradient(const float* x, const float* dy, const ConvolutionShape& shape,
                         const kernels::Winograd& kernel)
      : x_(x),
        dy_(dy),
        s_(shape),
        kernel_(kernel),
        grid_(kernel, shape.images, shape.output),
        depth_(ceil_div(shape.in, kernel.lanes) * kernel.lanes),
        panel_(2 * kernel.lanes),
        slices_(ceil_div(shape.out, panel_)),
        size_(9 * shape.in * shape.out) {
    shared_ = slices_ >= least_slices && kernel.points * grid_.tiles() * depth_ <= shared_numbers;
    rows_ = grid_.block_rows(shared_ ? most_tiles : std::clamp(grid_.tiles() / most_parts, least_tiles, most_tiles), 1);
    block_ = rows_ * grid_.columns();
    blocks_ = ceil_div(grid_.rows(), rows_);
  }

  void run(float* dw) const {
    const std::int64_t zeros = (kernel_.outputs + 2) * s_.in;
    float* const row = parallel::scratch<float>(zeros_slot, zeros);
    std::fill_n(row, zeros, 0.0F);
    if (shared_) run_slices(row, dw);
    else run_parts(row, dw);
  }

 private:
  struct Block {
    std::int64_t first, count;  // tiles
    std::int64_t last_row;      // of tiles, and one
  };

  Block block(std::int64_t index) const {
    const std::int64_t last = std::min(grid_.rows(), (index + 1) * rows_);
    return {index * block_, last * grid_.columns() - index * block_, last};
  }
  std::int64_t width(std::int64_t slice) const {
    return s_.out - slice * panel_ > kernel_.lanes ? panel_ : kernel_.lanes;
  }
  std::int64_t s_point(std::int64_t slice) const { return winograd_stride(depth_ * width(slice)); }
  std::int64_t s_size() const { return kernel_.points * winograd_stride(depth_ * panel_); }  // of a slice, at most

  void transform_input(const Block& b, const float* zeros, float* v, std::int64_t point) const {
    kernel_.input(grid_.describe(b.first, b.count, s_.input, s_.in, s_.padding, b.count, point), x_, zeros, v);
  }

  // The sums of a slice over a block, whose input's transforms are v.
  void add(const Block& b, std::int64_t slice, const float* v, std::int64_t v_point, float* sums, bool more,
           const kernels::WinogradAhead& ahead) const {
    const std::int64_t wide = width(slice);
    const std::int64_t column = slice * panel_;
    const std::int64_t point = winograd_stride(block_ * panel_);
    float* const d = parallel::scratch<float>(d_slot, kernel_.points * point);
    kernel_.gradient(grid_.describe(b.first, b.count, s_.output, s_.out, {0, 0}, b.count, point), dy_ + column,
                     std::min(panel_, s_.out - column), wide, d);
    const std::int64_t next = b.last_row;
    kernel_.outer({v,
                   v_point,
                   d,
                   point,
                   sums,
                   s_point(slice),
                   b.count,
                   depth_,
                   wide,
                   kernel_.points,
                   more,
                   {ahead, grid_.piece(dy_, s_.output, s_.out, next, next + rows_, slice, slices_)}});
  }

  void finish(std::int64_t slice, const float* sums, float* dw) const {
    const std::int64_t column = slice * panel_;
    kernel_.finish(sums, s_point(slice), s_.in, width(slice), std::min(panel_, s_.out - column), dw + column,
                   s_.in * s_.out, s_.out);
  }

  void run_parts(const float* zeros, float* dw) const {
    const std::int64_t grain = winograd_grain(blocks_, kernel_.points * grid_.tiles() * depth_ * slices_ * panel_);
    const std::int64_t wanted = std::min(ceil_div(blocks_, grain), most_parts);
    const std::int64_t most = std::clamp<std::int64_t>(part_numbers / size_, 1, wanted);
    const std::int64_t part_blocks = ceil_div(blocks_, most);
    const std::int64_t count = ceil_div(blocks_, part_blocks);
    float* const parts = count == 1 ? dw : parallel::scratch<float>(shared_slot, count * size_);
    parallel::for_blocks(count, 1, [&](std::int64_t begin, std::int64_t end) {
      const std::int64_t point = winograd_stride(block_ * depth_);
      float* const v = parallel::scratch<float>(v_slot, kernel_.points * point);
      float* const sums = parallel::scratch<float>(s_slot, slices_ * s_size());
      for (std::int64_t part = begin; part < end; ++part) {
        const std::int64_t first = part * part_blocks;
        for (std::int64_t i = first; i < std::min(blocks_, first + part_blocks); ++i) {
          const Block b = block(i);
          const std::int64_t next = b.last_row;
          transform_input(b, zeros, v, point);
          for (std::int64_t slice = 0; slice < slices_; ++slice)
            add(b, slice, v, point, sums + slice * s_size(), i > first,
                grid_.piece(x_, s_.input, s_.in, next, next + rows_, slice, slices_));
        }
        for (std::int64_t slice = 0; slice < slices_; ++slice)
          finish(slice, sums + slice * s_size(), parts + part * size_);
      }
    });
    if (count == 1) return;
    tree_sum_parallel(parts, count, size_, size_);
    std::copy_n(parts, size_, dw);
  }

  void run_slices(const float* zeros, float* dw) const {
    const std::int64_t point = winograd_stride(grid_.tiles() * depth_);
    float* const v = parallel::scratch<float>(shared_slot, kernel_.points * point);
    parallel::for_blocks(blocks_, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) transform_input(block(i), zeros, v + i * block_ * depth_, point);
    });
    parallel::for_blocks(slices_, 1, [&](std::int64_t begin, std::int64_t end) {
      float* const sums = parallel::scratch<float>(s_slot, s_size());
      for (std::int64_t slice = begin; slice < end; ++slice) {
        for (std::int64_t i = 0; i < blocks_; ++i)
          add(block(i), slice, v + i * block_ * depth_, point, sums, i > 0, {});
        finish(slice, sums, dw);
      }
    });
  }

  const float* x_;
  const float* dy_;
  const ConvolutionShape& s_;
  const kernels::Winograd& kernel_;
  WinogradGrid grid_;
  std::int64_t depth_;                 // input channels, whole registers
  std::int64_t panel_, slices_;        // output channels of a slice; slices
  std::int64_t size_;                  // numbers of the gradient
  std::int64_t rows_ = 1, block_ = 1;  // rows of tiles in a block, and tiles
  std::int64_t blocks_ = 1;            // in all images
  bool shared_ = false;
};

}  // namespace

void winograd_weight_gradient(const float* x, const float* dy, float* dw, const ConvolutionShape& shape,
                              const kernels::Winograd& kernel) {
  WinogradWeightGradient(x, dy, shape, kernel).run(dw);
}

}  // namespace ebb::detail
