/// \file
/// How the passes of a Winograd convolution cut images into blocks of tiles. Not part of the public interface.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "framework/compute/blocks.h"
#include "framework/compute/instruction_set.h"

namespace ebb::detail {

/// The tiles of a batch of images. Blocks are whole rows of tiles, so that what a block writes is one piece of memory.
class WinogradGrid {
 public:
  /// \param outputs of the images that the tiles cover.
  WinogradGrid(const kernels::Winograd& kernel, std::int64_t images, const std::array<std::int64_t, 2>& outputs)
      : side_(kernel.outputs),
        height_(outputs[0]),
        rows_(ceil_div(outputs[0], side_)),
        columns_(ceil_div(outputs[1], side_)),
        images_(images) {}

  /// Rows of tiles in all images.
  std::int64_t rows() const { return images_ * rows_; }

  /// Tiles in all images.
  std::int64_t tiles() const { return rows() * columns_; }

  /// Tiles in a row.
  std::int64_t columns() const { return columns_; }

  /// Rows of tiles for a block of at most `most` tiles, or one row: as many as fill panels of `panel` tiles best.
  std::int64_t block_rows(std::int64_t most, std::int64_t panel) const {
    std::int64_t best = 1;
    const auto panels = [&](std::int64_t rows) { return ceil_div(rows * columns_, panel); };
    for (std::int64_t rows = 2; rows * columns_ <= most && rows <= this->rows(); ++rows)
      if (rows * panels(best) >= best * panels(rows)) best = rows;
    return best;
  }

  /// Rows of pixels before tile row `row`, counted through all images.
  std::int64_t pixel_row(std::int64_t row) const {
    return row / rows_ * height_ + std::min(height_, row % rows_ * side_);
  }

  /// Portion `part` of `parts` of the images [height, width, channels] under tile rows first .. last-1.
  kernels::WinogradAhead piece(const float* images, const std::array<std::int64_t, 2>& image, std::int64_t channels,
                               std::int64_t first, std::int64_t last, std::int64_t part, std::int64_t parts) const {
    const auto at = [&](std::int64_t row) {
      return (row >= rows() ? images_ * image[0] : pixel_row(row) * image[0] / height_) * image[1] * channels;
    };
    const std::int64_t numbers = at(last) - at(first);
    const std::int64_t from = numbers * part / parts;
    return {images + at(first) + from, numbers * (part + 1) / parts - from};
  }

  /// Description of `count` tiles from `first` on for a kernel.
  kernels::WinogradTiles describe(std::int64_t first, std::int64_t count, const std::array<std::int64_t, 2>& image,
                                  std::int64_t channels, const std::array<std::int64_t, 2>& padding, std::int64_t panel,
                                  std::int64_t point) const {
    return {image[0], image[1], channels, padding[0], padding[1], rows_, columns_, first, count, panel, point};
  }

 private:
  std::int64_t side_, height_, rows_, columns_, images_;
};

/// Items worth a parallel block when `items` of them have so many multiply-adds in all: half a million.
constexpr std::int64_t winograd_grain(std::int64_t items, std::int64_t multiply_adds) {
  return std::max<std::int64_t>(1, (items << 19) / std::max<std::int64_t>(1, multiply_adds));
}

/// Elements between the points of arrays of `numbers` for each: a cache line more, so that the points of a number do
/// not meet in one set of the cache.
constexpr std::int64_t winograd_stride(std::int64_t numbers) { return (numbers + 15) / 16 * 16 + 16; }

}  // namespace ebb::detail
