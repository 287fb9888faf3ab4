/// \file
/// Winograd transforms of images, to and fro, over blocks of tiles. Included by kernel sources only.
///
/// Per tile and register of channels, F4: the input's transform has 144 multiply-adds for 36 loads and 36 stores, the
/// output's 120 for 36 and 16. A tile in the middle of an image, or with one column in the zeros beside it, is read in
/// place; rows outside the image are read from a row of zeros. What remains (a tile cut off by the image's end, wider
/// padding, channels that fill no register) is read and written through a small patch.
#pragma once

#include "framework/kernels/winograd_transform.h"
#include "framework/kernels/winograd_window.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {

/// `count` registers of channels of a tile whose rows begin at `rows`; Left and Right: its first or last column is
/// not in the image, and rows begin at the second column or end before the last.
template <class F, bool Left, bool Right>
[[gnu::noinline]] static void input_tile(const float* const* rows, int64_t pixel, int64_t count, float* to,
                                         int64_t point, int64_t step) {
  const float* row[F::size];
#pragma GCC unroll 6
  for (int y = 0; y < F::size; ++y) row[y] = rows[y];
  for (int64_t i = 0; i < count; ++i, to += step) {
    spread<typename F::Input, F::size>(
        [&](int y, int x) __attribute__((always_inline)) {
          if ((Left && x == 0) || (Right && x == F::size - 1)) return Lanes(0.0f);
          return Lanes::load_unaligned(row[y] + (x - Left) * pixel);
        },
        [&](int y, int x, Lanes value)
            __attribute__((always_inline)) { value.store_unaligned(to + (y * F::size + x) * point); });
#pragma GCC unroll 6
    for (int y = 0; y < F::size; ++y) row[y] += vector;
  }
}

template <class F>
static void input(const WinogradTiles& tiles, const float* x, const float* zeros, float* v) {
  constexpr auto whole = input_tile<F, false, false>;
  constexpr decltype(whole) places[] = {whole, input_tile<F, true, false>, input_tile<F, false, true>,
                                        input_tile<F, true, true>};
  const int64_t step = tiles.rows * vector;
  const int64_t depth = ceil_div(tiles.channels, vector);
  alignas(64) float patch[F::size * F::size * vector];
  const float* patch_rows[F::size];
  for (int y = 0; y < F::size; ++y) patch_rows[y] = patch + y * F::size * vector;
  int64_t panel_row = 0;
  each_tile(tiles, [&](int64_t image, int64_t row, int64_t column) {
    const Window<F::size> window(tiles, image, row * F::outputs - tiles.top, column * F::outputs - tiles.left);
    float* const to = v + panel_row * vector;
    int64_t done = 0;
    if (window.left <= 1 && window.right >= F::size - 1) {
      const float* rows[F::size];
      for (int64_t y = 0; y < F::size; ++y)
        rows[y] = y < window.top || y >= window.bottom ? zeros : x + window.at + (y - window.top) * window.row;
      done = tiles.channels / vector;
      places[window.left + 2 * (F::size - window.right)](rows, window.pixel, done, to, tiles.point, step);
    }
    for (; done < depth; ++done) {
      const int64_t left = tiles.channels - done * vector;
      window.read(x + done * vector, left < vector ? left : vector, patch);
      whole(patch_rows, vector, 1, to + done * step, tiles.point, step);
    }
    if (++panel_row == tiles.rows) {
      panel_row = 0;
      v += depth * step;
    }
  });
}

/// A tile of one register of outputs at y.
template <class F>
[[gnu::noinline]] static void output_tile(const float* m, int64_t point, Lanes bias, float* y, int64_t row,
                                          int64_t pixel) {
  collect<F>(
      [&](int i, int j) __attribute__((always_inline)) { return Lanes::load_unaligned(m + (i * F::size + j) * point); },
      [&](int i, int j, Lanes value)
          __attribute__((always_inline)) { (value + bias).store_unaligned(y + i * row + j * pixel); });
}

template <class F>
static void output(const WinogradTiles& tiles, const float* m, int64_t channels, int64_t width, const float* bias,
                   float* y) {
  alignas(64) float patch[F::outputs * F::outputs * vector];
  each_tile(tiles, [&](int64_t image, int64_t row, int64_t column) {
    const Window<F::outputs> window(tiles, image, row * F::outputs, column * F::outputs);
    each_register<float>(channels, [&](int64_t c, int64_t count) {
      const Lanes add = bias == nullptr ? Lanes(0.0f) : load(bias + c, count);
      if (window.whole() && count == vector)
        return output_tile<F>(m + c, tiles.point, add, y + window.at + c, window.row, window.pixel);
      output_tile<F>(m + c, tiles.point, add, patch, F::outputs * vector, vector);
      window.each_pixel([&](int64_t from, int64_t to) { store(y + to + c, Lanes::load_aligned(patch + from), count); });
    });
    m += width;
  });
}

/// The transform of a tile of one register of gradients at dy.
template <class F>
[[gnu::noinline]] static void gradient_tile(const float* dy, int64_t row, int64_t pixel, float* d, int64_t point) {
  spread<typename F::Gradient, F::size>(
      [&](int i, int j) __attribute__((always_inline)) { return Lanes::load_unaligned(dy + i * row + j * pixel); },
      [&](int i, int j, Lanes value)
          __attribute__((always_inline)) { value.store_unaligned(d + (i * F::size + j) * point); });
}

template <class F>
static void gradient(const WinogradTiles& tiles, const float* dy, int64_t channels, int64_t width, float* d) {
  alignas(64) float patch[F::outputs * F::outputs * vector];
  each_tile(tiles, [&](int64_t image, int64_t row, int64_t column) {
    const Window<F::outputs> window(tiles, image, row * F::outputs, column * F::outputs);
    each_register<float>(channels, [&](int64_t c, int64_t count) {
      if (window.whole() && count == vector)
        return gradient_tile<F>(dy + window.at + c, window.row, window.pixel, d + c, tiles.point);
      window.read(dy + c, count, patch);
      gradient_tile<F>(patch, F::outputs * vector, vector, d + c, tiles.point);
    });
    d += width;
  });
}

/// The part of the table that concerns images.
template <class F>
static void fill_images(Winograd& table) {
  table.outputs = F::outputs;
  table.points = F::size * F::size;
  table.lanes = vector;
  table.input = input<F>;
  table.output = output<F>;
  table.gradient = gradient<F>;
}

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
