/// \file
/// The forward pass that all poolings with windows share. Included by kernel sources only.
#pragma once

#include "framework/kernels/pooling_windows.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {

/// The joined taps of `rows` rows, every `step` of `length` numbers (columns times channels) at `at` in each.
template <class T, class Join>
inline Batch<T> joined(const T* const* row, int64_t rows, int64_t at, int64_t length, int64_t step, Join join) {
  using B = Batch<T>;
  B v = B::load_unaligned(row[0] + at);
  for (int64_t k = step; k < length; k += step) v = join(v, B::load_unaligned(row[0] + at + k));
  for (int64_t r = 1; r < rows; ++r)
    for (int64_t k = 0; k < length; k += step) v = join(v, B::load_unaligned(row[r] + at + k));
  return v;
}

/// One output row of whole windows of 2 x 2, the most common: forward_row() without its questions.
template <class T, class Join, class Finish>
inline void forward_pairs(const PoolShape& s, const T* above, const T* below, T* to, Join join, Finish finish) {
  using B = Batch<T>;
  const int64_t c = s.channels, step = s.stride_width * c, columns = s.out_width;
  for (int64_t ox = 0; ox < columns; ++ox, above += step, below += step, to += c) {
    for (int64_t j = 0; j < c; j += lanes<T>) {
      const B upper = join(B::load_unaligned(above + j), B::load_unaligned(above + c + j));
      const B lower = join(B::load_unaligned(below + j), B::load_unaligned(below + c + j));
      finish(join(upper, lower)).store_unaligned(to + j);
    }
  }
}

/// One output row: taps of each window joined, then finish(result, taps that count). Of high windows, what has been
/// joined so far stands in `sums`, a whole number of registers a pixel.
template <bool Usual, class T, class Join, class Finish>
inline void forward_row(const PoolShape& s, const T* x, const T* x_end, int64_t image, int64_t out, T* to, T* sums,
                        T* copies, Join join, Finish finish) {
  using B = Batch<T>;
  const int64_t c = s.channels;
  const int64_t pitch = wide<T>(s);
  const Axis<Usual> vertical = rows_of<Usual>(s), horizontal = columns_of<Usual>(s);
  const Window rows = vertical.window(out);
  const int64_t high = vertical.taps_of(rows);
  const int64_t step = horizontal.step() * c;
  const bool pairs = high == 2 && s.kernel_width == 2 && whole_columns(s);
  for (int64_t done = 0; done < high; done += rows_at_once) {
    const T* row[rows_at_once];
    const int64_t count = high - done < rows_at_once ? high - done : rows_at_once;
    for (int64_t r = 0; r < count; ++r)
      row[r] = readable(x + (image * s.height + rows.begin + (done + r) * vertical.step()) * s.width * c, s.width * c,
                        x_end, margin<T>(s), copies + r * (s.width * c + 64));
    if (pairs)
      return forward_pairs(s, row[0], row[1], to, join, [&](Batch<T> v) { return finish(v, 2 * rows.counted); });
    for (int64_t ox = 0; ox < s.out_width; ++ox) {
      const Window columns = horizontal.window(ox);
      const int64_t length = (columns.end - columns.begin) * c;
      for (int64_t j = 0; j < c; j += lanes<T>) {
        B v = joined(row, count, columns.begin * c + j, length, step, join);
        T* const sum = sums + ox * pitch + j;
        if (done > 0) v = join(B::load_unaligned(sum), v);
        if (done + count < high) v.store_unaligned(sum);
        else finish(v, rows.counted * columns.counted).store_unaligned(to + ox * c + j);
      }
    }
  }
}

/// Output rows first .. last-1 by forward_row(), through scratch memory where registers overhang.
template <bool Usual, class T, class Join, class Finish>
inline void forward_rows(const PoolShape& s, const T* x, T* y, int64_t first, int64_t last, T* work, Join join,
                         Finish finish) {
  const int64_t row = s.out_width * s.channels;
  const T* const x_end = x + s.images * s.height * s.width * s.channels;
  T* const sums = work;
  T* const out = sums + s.out_width * wide<T>(s);
  T* const copies = out + row + 64;
  const bool direct = margin<T>(s) == 0;
  for (int64_t r = first; r < last; ++r) {
    T* const to = direct ? y + r * row : out;
    forward_row<Usual>(s, x, x_end, r / s.out_height, r % s.out_height, to, sums, copies, join, finish);
    if (!direct) memcpy(y + r * row, out, static_cast<size_t>(row) * sizeof(T));
  }
}

template <class T, class Join, class Finish>
inline void forward(const PoolShape& s, const T* x, T* y, int64_t first, int64_t last, T* work, Join join,
                    Finish finish) {
  if (usual(s)) forward_rows<true>(s, x, y, first, last, work, join, finish);
  else forward_rows<false>(s, x, y, first, last, work, join, finish);
}

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
