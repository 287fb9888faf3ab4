/// \file
/// Kernels of pooling on NHWC images. One thread; a call does a range of output rows.
#pragma once

#include <stdint.h>

namespace ebb::kernels {

/// Images and windows. Output rows are numbered through all images: image * out_height + row.
struct PoolShape {
  int64_t images = 0, height = 0, width = 0, channels = 0;  ///< Input [images, height, width, channels].
  int64_t out_height = 0, out_width = 0;                    ///< Output [images, out_height, out_width, channels].
  int64_t kernel_height = 1, kernel_width = 1;              ///< Window.
  int64_t stride_height = 1, stride_width = 1;              ///< Step.
  int64_t pad_height = 0, pad_width = 0;                    ///< Padding above and on the left.
  int64_t end_height = 0, end_width = 0;                    ///< Where padding below and on the right ends.
  int64_t dilation_height = 1, dilation_width = 1;          ///< Step between taps.
  bool count_padding = true;                                ///< Averages divide by the taps in the padding as well.
  bool adaptive = false;  ///< Windows divide the image evenly instead; they may share a pixel with their neighbours.
};

/// Pixels from the first tap of a window to its last.
constexpr int64_t pool_reach(int64_t kernel, int64_t dilation) { return (kernel - 1) * dilation + 1; }

/// The first place at or behind 0 of taps at begin, begin + dilation, ...
constexpr int64_t pool_first(int64_t begin, int64_t dilation) {
  if (begin >= 0) return begin;
  return dilation == 1 ? 0 : begin + (dilation - 1 - begin) / dilation * dilation;
}

/// Numbers of T that a pooling kernel needs to work in.
constexpr int64_t pool_work(const PoolShape& s) {
  constexpr int64_t margin = 64;  // at least a register
  const int64_t row = (s.width > s.out_width ? s.width : s.out_width) * s.channels + margin;
  const int64_t rows = s.kernel_height < 8 ? s.kernel_height : 8;
  return (3 + 2 * rows) * row + s.out_width * (s.channels + margin);
}

/// True when each input row belongs to the windows of at most one output row; only then may the backward kernels be
/// given a part of an image's rows.
constexpr bool pool_rows_apart(const PoolShape& s) {
  return !s.adaptive && s.stride_height >= pool_reach(s.kernel_height, s.dilation_height);
}

/// Function pointers of the family for T = float or double.
template <class T>
struct Pooling {
  /// y = largest element of each window, NaN where one is NaN, for output rows first .. last-1.
  void (*max_forward)(const PoolShape& shape, const T* x, T* y, int64_t first, int64_t last, T* work);

  /// dx = dy at the first place of each window where x equals y (NaN where y is NaN), summed over windows, and 0
  /// elsewhere: for the input rows of output rows first .. last-1. Needs x and y; nothing else was stored.
  void (*max_backward)(const PoolShape& shape, const T* x, const T* y, const T* dy, T* dx, int64_t first, int64_t last,
                       T* work);

  /// y = mean of each window, the sum over the taps that count, for output rows first .. last-1.
  void (*average_forward)(const PoolShape& shape, const T* x, T* y, int64_t first, int64_t last, T* work);

  /// dx = sum over windows of dy / their size: for the input rows of output rows first .. last-1.
  void (*average_backward)(const PoolShape& shape, const T* dy, T* dx, int64_t first, int64_t last, T* work);

  /// y[c] = mean over `rows` rows of x[rows][channels]. work: `channels` numbers.
  void (*mean_rows)(const T* x, int64_t rows, int64_t channels, T* y, T* work);

  /// dx[row][c] = factor dy[c].
  void (*spread_rows)(const T* dy, T factor, int64_t rows, int64_t channels, T* dx);
};

}  // namespace ebb::kernels
