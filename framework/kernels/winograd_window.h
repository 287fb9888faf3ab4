/// \file
/// Tiles of images as windows of pixels. Included by kernel sources only.
#pragma once

#include "framework/kernels/rows.h"
#include "framework/kernels/winograd.h"
#include "framework/kernels/winograd_points.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {

constexpr int vector = lanes<float>;

/// Calls f(image, tile row, tile column) for each of the tiles.
template <class Function>
inline void each_tile(const WinogradTiles& tiles, Function f) {
  int64_t column = tiles.first % tiles.tile_columns;
  int64_t row = tiles.first / tiles.tile_columns;
  int64_t image = row / tiles.tile_rows;
  row %= tiles.tile_rows;
  for (int64_t i = 0; i < tiles.count; ++i) {
    f(image, row, column);
    if (++column < tiles.tile_columns) continue;
    column = 0;
    if (++row < tiles.tile_rows) continue;
    row = 0;
    ++image;
  }
}

/// A window of Size x Size pixels, of which those with top <= y < bottom and left <= x < right are in the image.
template <int Size>
struct Window {
  int64_t top, bottom, left, right;
  int64_t at;          ///< Offset of pixel (top, left).
  int64_t row, pixel;  ///< Elements between rows and between pixels.

  Window(const WinogradTiles& t, int64_t image, int64_t y, int64_t x)
      : top(y < 0 ? -y : 0),
        bottom(t.height - y < Size ? t.height - y : Size),
        left(x < 0 ? -x : 0),
        right(t.width - x < Size ? t.width - x : Size),
        at(((image * t.height + y + top) * t.width + x + left) * t.channels),
        row(t.width * t.channels),
        pixel(t.channels) {}

  bool whole() const { return top == 0 && left == 0 && bottom == Size && right == Size; }

  /// Calls f(offset in a patch [Size][Size][vector], offset in the image) for the pixels that are in the image.
  template <class Function>
  void each_pixel(Function f) const {
    for (int64_t y = top; y < bottom; ++y)
      for (int64_t x = left; x < right; ++x) f((y * Size + x) * vector, at + (y - top) * row + (x - left) * pixel);
  }

  /// Fills a patch with `count` channels of the image at x, zeros around.
  void read(const float* x, int64_t count, float* patch) const {
    for (int i = 0; i < Size * Size; ++i) Lanes(0.0f).store_aligned(patch + i * vector);
    each_pixel([&](int64_t to, int64_t from) { load(x + from, count).store_aligned(patch + to); });
  }
};

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
