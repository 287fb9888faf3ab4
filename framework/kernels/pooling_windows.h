/// \file
/// Walking through the windows of a pooling. Included by kernel sources only.
///
/// Channels are the lanes. Where they do not fill the last register of a pixel, the register reaches into the next
/// pixel: loads ignore those lanes, and results are written from left to right into a row of scratch memory, each pixel
/// overwriting what its left neighbour left there, and copied. So few channels cost no scalar loops.
#pragma once

#include <string.h>

#include "framework/kernels/pooling.h"
#include "framework/kernels/simd.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {

void fill_max(Pooling<float>& table);
void fill_max(Pooling<double>& table);

/// A window along one axis: its taps inside the image, at begin, begin + dilation, ... below end, and how many taps an
/// average counts.
struct Window {
  int64_t begin, end, counted;
};

/// Number of taps from begin to below end.
inline int64_t taps(int64_t begin, int64_t end, int64_t dilation) { return ceil_div(end - begin, dilation); }

/// Whether windows are runs of neighbouring pixels as long as the kernel, but for what lies in the padding. These have
/// instantiations of their own, in which the step between taps is 1; all others share one.
inline bool usual(const PoolShape& s) {
  const bool whole = (s.out_height - 1) * s.stride_height - s.pad_height + s.kernel_height <= s.end_height &&
                     (s.out_width - 1) * s.stride_width - s.pad_width + s.kernel_width <= s.end_width;
  return !s.adaptive && s.dilation_height == 1 && s.dilation_width == 1 && (whole || !s.count_padding);
}

/// The windows along one axis.
template <bool Usual>
struct Axis {
  int64_t size, count, kernel, stride, padding, dilation, end;
  bool adaptive, count_padding;

  int64_t step() const { return Usual ? 1 : dilation; }

  int64_t taps_of(const Window& w) const { return Usual ? w.end - w.begin : taps(w.begin, w.end, dilation); }

  Window window(int64_t out) const {
    if (!Usual && adaptive) {
      const int64_t begin = out * size / count, behind = ceil_div((out + 1) * size, count);
      return {begin, behind, behind - begin};
    }
    const int64_t first = out * stride - padding;
    const int64_t last = first + (Usual ? kernel : pool_reach(kernel, dilation));
    Window w{Usual ? (first < 0 ? 0 : first) : pool_first(first, dilation), last > size ? size : last, kernel};
    if (!count_padding) w.counted = taps_of(w);
    else if (!Usual && last > end) w.counted = taps(first, end, dilation);  // cut off
    return w;
  }
};

template <bool Usual>
inline Axis<Usual> rows_of(const PoolShape& s) {
  return {s.height,          s.out_height, s.kernel_height, s.stride_height, s.pad_height,
          s.dilation_height, s.end_height, s.adaptive,      s.count_padding};
}

template <bool Usual>
inline Axis<Usual> columns_of(const PoolShape& s) {
  return {s.width,          s.out_width, s.kernel_width, s.stride_width, s.pad_width,
          s.dilation_width, s.end_width, s.adaptive,     s.count_padding};
}

/// Whether all windows lie inside the image along its width, each a run of neighbouring pixels.
inline bool whole_columns(const PoolShape& s) {
  return !s.adaptive && s.pad_width == 0 && s.dilation_width == 1 &&
         (s.out_width - 1) * s.stride_width + s.kernel_width <= s.width;
}

/// The input rows that output row `out` of an image owns when rows_apart: from its first to the next one's first.
inline Window owned_rows(const PoolShape& s, int64_t out) {
  const int64_t begin = out * s.stride_height - s.pad_height;
  const int64_t end = begin + s.stride_height;
  return {out == 0 ? 0 : begin, out + 1 == s.out_height || end > s.height ? s.height : end, 0};
}

template <class T>
int64_t margin(const PoolShape& s) {
  return s.channels % lanes<T> == 0 ? 0 : lanes<T>;
}

/// Channels rounded up to whole registers.
template <class T>
int64_t wide(const PoolShape& s) {
  return ceil_div(s.channels, lanes<T>) * lanes<T>;
}

/// `from`, or a copy with room behind it when a whole register at the row's last pixel would pass the array's end.
template <class T>
const T* readable(const T* from, int64_t count, const T* end, int64_t room, T* copy) {
  if (count + room <= end - from) return from;
  memcpy(copy, from, static_cast<size_t>(count) * sizeof(T));
  for (int64_t i = 0; i < room; ++i) copy[count + i] = T(0);
  return copy;
}

template <class T>
void add_row(const T* from, T* into, int64_t n) {
  map(from, into, into, n, [](Batch<T> a, Batch<T> b) { return a + b; });
}

/// All ones in the lanes of channels j .. channels-1, nothing behind them.
template <class T>
inline auto channels_from(int64_t j, int64_t channels) {
  alignas(64) T index[lanes<T>];
  for (int i = 0; i < lanes<T>; ++i) index[i] = static_cast<T>(i);
  const int64_t left = channels - j < lanes<T> ? channels - j : lanes<T>;
  return Batch<T>::load_aligned(index) < Batch<T>(static_cast<T>(left));
}

/// Rows of taps that are joined before the sums are stored.
constexpr int64_t rows_at_once = 8;

/// Prepares the input rows of output row r: those that put_row() will not write, or will add to, become 0.
template <bool Usual, class T>
static inline void clear_rows(const PoolShape& s, T* dx, int64_t r) {
  const int64_t row = s.width * s.channels;
  const int64_t image = r / s.out_height;
  const int64_t out = r % s.out_height;
  const bool apart = pool_rows_apart(s);
  const Window owned = apart ? owned_rows(s, out) : Window{0, out == 0 ? s.height : 0, 0};
  const Window written = apart ? rows_of<Usual>(s).window(out) : Window{0, 0, 0};
  for (int64_t iy = owned.begin; iy < owned.end; ++iy) {
    if (iy < written.begin || iy >= written.end || (iy - written.begin) % s.dilation_height != 0)
      memset(dx + (image * s.height + iy) * row, 0, static_cast<size_t>(row) * sizeof(T));
  }
}

/// Gives one input row its gradient, or adds to it where rows have several windows.
template <class T>
static inline void put_row(const PoolShape& s, const T* from, T* into, int64_t n) {
  if (pool_rows_apart(s)) memcpy(into, from, static_cast<size_t>(n) * sizeof(T));
  else add_row(from, into, n);
}

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
