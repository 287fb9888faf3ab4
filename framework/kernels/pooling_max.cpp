#include "framework/kernels/pooling_forward.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {
namespace {

// The larger, or NaN when one is NaN.
template <class T>
inline Batch<T> larger(Batch<T> a, Batch<T> b) {
  const Batch<T> m = xsimd::max(a, b);  // b when one is NaN
  return xsimd::select(xsimd::isnan(a), a, m);
}

// Where x, an element of a window, is its largest one `top`, which is NaN where one of them is.
template <class T>
inline auto won(Batch<T> x, Batch<T> top) {
  return x == top || xsimd::isnan(x);
}

template <class T>
void max_forward(const PoolShape& s, const T* x, T* y, int64_t first, int64_t last, T* work) {
  forward(
      s, x, y, first, last, work, [](Batch<T> a, Batch<T> b) { return larger<T>(a, b); },
      [](Batch<T> v, int64_t) { return v; });
}

// True when windows tile the image, the usual case: each input pixel then has one window at most.
bool windows_tile(const PoolShape& s) {
  return s.stride_height == s.kernel_height && s.stride_width == s.kernel_width && s.pad_height == 0 &&
         s.dilation_height == 1 && s.out_height * s.kernel_height <= s.height && whole_columns(s) &&
         s.kernel_height <= rows_at_once;
}

// Hands the gradient of a row of windows to the pixels that won them. Pairs: windows of 2 x 2. Keep: the last of
// several registers a pixel overhangs, and comes after the first one of the next tap. `from` and `to` are the rows of x
// and dx.
template <bool Pairs, bool Keep, class T>
void hand_down(const PoolShape& s, const T* const* from, T* const* to, const T* best, const T* up) {
  using B = Batch<T>;
  constexpr int64_t most = Pairs ? 2 : rows_at_once;
  const int64_t high = Pairs ? 2 : s.kernel_height, wide_by = Pairs ? 2 : s.kernel_width;
  const int64_t c = s.channels, columns = s.out_width;
  const T* x[most];
  T* dx[most];
  for (int64_t k = 0; k < high; ++k) {
    x[k] = from[k];
    dx[k] = to[k];
  }
  const B zero(T(0));
  const int64_t last_register = wide<T>(s) - lanes<T>;
  const auto mine = channels_from<T>(last_register, c);
  int64_t at = 0;
  for (int64_t ox = 0; ox < columns; ++ox, at += wide_by * c, best += c, up += c) {
    for (int64_t j = 0; j < c; j += lanes<T>) {
      const B top = B::load_unaligned(best + j);
      B left = B::load_unaligned(up + j);
#pragma GCC unroll 2
      for (int64_t k = 0; k < high; ++k) {
#pragma GCC unroll 2
        for (int64_t i = 0; i < wide_by; ++i) {
          const int64_t tap = at + i * c + j;
          const auto wins = won<T>(B::load_unaligned(x[k] + tap), top);
          B gradient = xsimd::select(wins, left, zero);
          if (Keep && j == last_register) gradient = xsimd::select(mine, gradient, B::load_unaligned(dx[k] + tap));
          gradient.store_unaligned(dx[k] + tap);
          left = xsimd::select(wins, zero, left);
        }
      }
    }
  }
}

// max_backward() for windows that tile the image: everything is read and written once.
template <class T>
void max_backward_tiled(const PoolShape& s, const T* x, const T* y, const T* dy, T* dx, int64_t first, int64_t last,
                        T* work) {
  const int64_t c = s.channels, room = margin<T>(s), high = s.kernel_height;
  const int64_t x_row = s.width * c, y_row = s.out_width * c;
  const int64_t pitch = x_row + 64;
  const T* const x_end = x + s.images * s.height * x_row;
  const T* const y_end = y + s.images * s.out_height * y_row;
  const T* const dy_end = dy + s.images * s.out_height * y_row;
  T* const x_copies = work;
  T* const outs = x_copies + high * pitch;
  T* const y_copy = outs + high * pitch;
  T* const dy_copy = y_copy + y_row + 64;
  for (int64_t r = first; r < last; ++r) {
    const int64_t image = r / s.out_height, out = r % s.out_height;
    const int64_t begin = image * s.height + out * high;
    const T* from[rows_at_once];
    T* to[rows_at_once];
    for (int64_t k = 0; k < high; ++k) {
      from[k] = readable(x + (begin + k) * x_row, x_row, x_end, room, x_copies + k * pitch);
      to[k] = room == 0 ? dx + (begin + k) * x_row : outs + k * pitch;
    }
    const T* const best = readable(y + r * y_row, y_row, y_end, room, y_copy);
    const T* const up = readable(dy + r * y_row, y_row, dy_end, room, dy_copy);
    const bool pairs = high == 2 && s.kernel_width == 2, keep = room != 0 && c > lanes<T>;
    if (pairs && keep) hand_down<true, true>(s, from, to, best, up);
    else if (pairs) hand_down<true, false>(s, from, to, best, up);
    else if (keep) hand_down<false, true>(s, from, to, best, up);
    else hand_down<false, false>(s, from, to, best, up);
    const int64_t covered = s.out_width * s.kernel_width * c;
    for (int64_t k = 0; k < high; ++k) {
      T* const row = dx + (begin + k) * x_row;
      if (room != 0) memcpy(row, to[k], static_cast<size_t>(covered) * sizeof(T));
      if (covered < x_row) memset(row + covered, 0, static_cast<size_t>(x_row - covered) * sizeof(T));
    }
    if (out + 1 == s.out_height)
      memset(dx + (begin + high) * x_row, 0, static_cast<size_t>((s.height - s.out_height * high) * x_row) * sizeof(T));
  }
}

template <bool Usual, class T>
void max_backward_rows(const PoolShape& s, const T* x, const T* y, const T* dy, T* dx, int64_t first, int64_t last,
                       T* work) {
  using B = Batch<T>;
  const int64_t c = s.channels;
  const int64_t x_row = s.width * c, y_row = s.out_width * c;
  const int64_t pitch = wide<T>(s);
  const int64_t room = margin<T>(s);
  const T* const x_end = x + s.images * s.height * x_row;
  const T* const y_end = y + s.images * s.out_height * y_row;
  const T* const dy_end = dy + s.images * s.out_height * y_row;
  // What of dy has found no place yet, a whole number of registers for each pixel; rows of x, y, dx.
  T* const open = work;
  T* const x_copy = open + s.out_width * pitch;
  T* const y_copy = x_copy + (x_row > y_row ? x_row : y_row) + 64;
  T* const sum = y_copy + (x_row > y_row ? x_row : y_row) + 64;
  const B zero(T(0));
  const Axis<Usual> vertical = rows_of<Usual>(s), horizontal = columns_of<Usual>(s);
  for (int64_t r = first; r < last; ++r) {
    clear_rows<Usual>(s, dx, r);
    const int64_t image = r / s.out_height;
    const T* const dy_row = readable(dy + r * y_row, y_row, dy_end, room, y_copy);
    for (int64_t j = 0; j < c; j += lanes<T>) {
      const auto mine = channels_from<T>(j, c);
      for (int64_t ox = 0; ox < s.out_width; ++ox)
        xsimd::select(mine, B::load_unaligned(dy_row + ox * c + j), zero).store_unaligned(open + ox * pitch + j);
    }
    const T* const best = readable(y + r * y_row, y_row, y_end, room, y_copy);
    const Window rows = vertical.window(r % s.out_height);
    for (int64_t iy = rows.begin; iy < rows.end; iy += vertical.step()) {
      const int64_t at = (image * s.height + iy) * x_row;
      const T* const row = readable(x + at, x_row, x_end, room, x_copy);
      for (int64_t i = 0; i < x_row + room; ++i) sum[i] = T(0);
      for (int64_t ox = 0; ox < s.out_width; ++ox) {
        const Window columns = horizontal.window(ox);
        for (int64_t j = 0; j < c; j += lanes<T>) {
          B left = B::load_unaligned(open + ox * pitch + j);
          const B top = B::load_unaligned(best + ox * c + j);
          for (int64_t ix = columns.begin; ix < columns.end; ix += horizontal.step()) {
            const auto wins = won<T>(B::load_unaligned(row + ix * c + j), top);
            T* const into = sum + ix * c + j;
            (B::load_unaligned(into) + xsimd::select(wins, left, zero)).store_unaligned(into);
            left = xsimd::select(wins, zero, left);
          }
          left.store_unaligned(open + ox * pitch + j);
        }
      }
      put_row(s, sum, dx + at, x_row);
    }
  }
}

template <class T>
void max_backward(const PoolShape& s, const T* x, const T* y, const T* dy, T* dx, int64_t first, int64_t last,
                  T* work) {
  if (windows_tile(s)) max_backward_tiled(s, x, y, dy, dx, first, last, work);
  else if (usual(s)) max_backward_rows<true>(s, x, y, dy, dx, first, last, work);
  else max_backward_rows<false>(s, x, y, dy, dx, first, last, work);
}

template <class T>
void fill_table(Pooling<T>& table) {
  table.max_forward = max_forward<T>;
  table.max_backward = max_backward<T>;
}

}  // namespace

void fill_max(Pooling<float>& table) { fill_table(table); }
void fill_max(Pooling<double>& table) { fill_table(table); }

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
