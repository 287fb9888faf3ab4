#include "framework/kernels/pooling.h"

#include <string.h>

#include "framework/kernels/fill.h"
#include "framework/kernels/simd.h"

// Channels are the lanes. Where they do not fill the last register of a pixel, the register reaches into the next
// pixel: loads ignore those lanes, and results are written from left to right into a row of scratch memory, each pixel
// overwriting what its left neighbour left there, and copied. So few channels cost no scalar loops.

namespace ebb::kernels::EBB_KERNEL_ARCH {
namespace {

// The part of a window that lies inside the image along one axis.
struct Range {
  int64_t begin, end;
};

inline Range inside(int64_t out, int64_t stride, int64_t padding, int64_t kernel, int64_t size) {
  const int64_t begin = out * stride - padding;
  const int64_t end = begin + kernel;
  return {begin < 0 ? 0 : begin, end > size ? size : end};
}

inline Range rows_of(const PoolShape& s, int64_t out) {
  return inside(out, s.stride_height, s.pad_height, s.kernel_height, s.height);
}

inline Range columns_of(const PoolShape& s, int64_t out) {
  return inside(out, s.stride_width, s.pad_width, s.kernel_width, s.width);
}

// The input rows that output row `out` of an image owns when rows_apart: from its first to the next one's first.
inline Range owned_rows(const PoolShape& s, int64_t out) {
  const int64_t begin = out * s.stride_height - s.pad_height;
  const int64_t end = begin + s.stride_height;
  return {out == 0 ? 0 : begin, out + 1 == s.out_height || end > s.height ? s.height : end};
}

template <class T>
int64_t margin(const PoolShape& s) {
  return s.channels % lanes<T> == 0 ? 0 : lanes<T>;
}

// Channels rounded up to whole registers.
template <class T>
int64_t wide(const PoolShape& s) {
  return (s.channels + lanes<T> - 1) / lanes<T> * lanes<T>;
}

// `from`, or a copy with room behind it when a whole register at the row's last pixel would pass the array's end.
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

// All ones in the lanes of channels j .. channels-1, nothing behind them.
template <class T>
inline auto channels_from(int64_t j, int64_t channels) {
  alignas(64) T index[lanes<T>];
  for (int i = 0; i < lanes<T>; ++i) index[i] = static_cast<T>(i);
  const int64_t left = channels - j < lanes<T> ? channels - j : lanes<T>;
  return Batch<T>::load_aligned(index) < Batch<T>(static_cast<T>(left));
}

// The larger, or NaN when one is NaN.
template <class T>
inline Batch<T> larger(Batch<T> a, Batch<T> b) {
  const Batch<T> m = xsimd::max(a, b);  // b when one is NaN
  return xsimd::select(xsimd::isnan(a), a, m);
}

// Rows of taps that are joined before the sums are stored.
constexpr int64_t rows_at_once = 8;

// The joined taps of `rows` rows and `taps` numbers (columns times channels) at `at` in each.
template <class T, class Join>
inline Batch<T> window(const T* const* row, int64_t rows, int64_t at, int64_t taps, int64_t channels, Join join) {
  using B = Batch<T>;
  // The common window of 2 x 2 without loops.
  if (rows == 2 && taps == 2 * channels)
    return join(join(B::load_unaligned(row[0] + at), B::load_unaligned(row[0] + at + channels)),
                join(B::load_unaligned(row[1] + at), B::load_unaligned(row[1] + at + channels)));
  B v = B::load_unaligned(row[0] + at);
  for (int64_t k = channels; k < taps; k += channels) v = join(v, B::load_unaligned(row[0] + at + k));
  for (int64_t r = 1; r < rows; ++r)
    for (int64_t k = 0; k < taps; k += channels) v = join(v, B::load_unaligned(row[r] + at + k));
  return v;
}

// One output row: taps of each window joined, then finish(result, taps inside the image). Of high windows, what has
// been joined so far stands in `sums`, a whole number of registers a pixel.
template <class T, class Join, class Finish>
inline void forward_row(const PoolShape& s, const T* x, const T* x_end, int64_t image, int64_t out, T* to, T* sums,
                        T* copies, Join join, Finish finish) {
  using B = Batch<T>;
  const int64_t c = s.channels;
  const int64_t pitch = wide<T>(s);
  const Range rows = rows_of(s, out);
  for (int64_t iy = rows.begin; iy < rows.end; iy += rows_at_once) {
    const T* row[rows_at_once];
    const int64_t count = rows.end - iy < rows_at_once ? rows.end - iy : rows_at_once;
    for (int64_t r = 0; r < count; ++r)
      row[r] = readable(x + (image * s.height + iy + r) * s.width * c, s.width * c, x_end, margin<T>(s),
                        copies + r * (s.width * c + 64));
    for (int64_t ox = 0; ox < s.out_width; ++ox) {
      const Range columns = columns_of(s, ox);
      const int64_t taps = (columns.end - columns.begin) * c;
      for (int64_t j = 0; j < c; j += lanes<T>) {
        B v = window(row, count, columns.begin * c + j, taps, c, join);
        T* const sum = sums + ox * pitch + j;
        if (iy > rows.begin) v = join(B::load_unaligned(sum), v);
        if (iy + count < rows.end) v.store_unaligned(sum);
        else finish(v, (rows.end - rows.begin) * (columns.end - columns.begin)).store_unaligned(to + ox * c + j);
      }
    }
  }
}

// Output rows first .. last-1 by forward_row(), through scratch memory where registers overhang.
template <class T, class Join, class Finish>
inline void forward(const PoolShape& s, const T* x, T* y, int64_t first, int64_t last, T* work, Join join,
                    Finish finish) {
  const int64_t row = s.out_width * s.channels;
  const T* const x_end = x + s.images * s.height * s.width * s.channels;
  T* const sums = work;
  T* const out = sums + s.out_width * wide<T>(s);
  T* const copies = out + row + 64;
  const bool direct = margin<T>(s) == 0;
  for (int64_t r = first; r < last; ++r) {
    T* const to = direct ? y + r * row : out;
    forward_row(s, x, x_end, r / s.out_height, r % s.out_height, to, sums, copies, join, finish);
    if (!direct) memcpy(y + r * row, out, static_cast<size_t>(row) * sizeof(T));
  }
}

template <class T>
void max_forward(const PoolShape& s, const T* x, T* y, int64_t first, int64_t last, T* work) {
  forward(
      s, x, y, first, last, work, [](Batch<T> a, Batch<T> b) { return larger<T>(a, b); },
      [](Batch<T> v, int64_t) { return v; });
}

template <class T>
void average_forward(const PoolShape& s, const T* x, T* y, int64_t first, int64_t last, T* work) {
  const int64_t whole = s.kernel_height * s.kernel_width;
  const bool all = s.count_padding;
  forward(
      s, x, y, first, last, work, [](Batch<T> a, Batch<T> b) { return a + b; },
      [=](Batch<T> v, int64_t inside_window) {
        return v * Batch<T>(T(1) / static_cast<T>(all ? whole : inside_window));
      });
}

// Prepares the input rows of output row r: those that put_row() will not write, or will add to, become 0.
template <class T>
void clear_rows(const PoolShape& s, T* dx, int64_t r) {
  const int64_t row = s.width * s.channels;
  const int64_t image = r / s.out_height;
  const int64_t out = r % s.out_height;
  const bool apart = pool_rows_apart(s);
  const Range owned = apart ? owned_rows(s, out) : Range{0, out == 0 ? s.height : 0};
  const Range written = apart ? rows_of(s, out) : Range{0, 0};
  for (int64_t iy = owned.begin; iy < owned.end; ++iy) {
    if (iy < written.begin || iy >= written.end)
      memset(dx + (image * s.height + iy) * row, 0, static_cast<size_t>(row) * sizeof(T));
  }
}

// Gives one input row its gradient, or adds to it where rows have several windows.
template <class T>
void put_row(const PoolShape& s, const T* from, T* into, int64_t n) {
  if (pool_rows_apart(s)) memcpy(into, from, static_cast<size_t>(n) * sizeof(T));
  else add_row(from, into, n);
}

// True when windows tile the image, the usual case: each input pixel then has one window at most.
bool windows_tile(const PoolShape& s) {
  return s.stride_height == s.kernel_height && s.stride_width == s.kernel_width && s.pad_height == 0 &&
         s.pad_width == 0 && s.kernel_height <= rows_at_once;
}

// max_backward() for windows that tile the image: everything is read and written once.
template <class T>
void max_backward_tiled(const PoolShape& s, const T* x, const T* y, const T* dy, T* dx, int64_t first, int64_t last,
                        T* work) {
  using B = Batch<T>;
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
  const B zero(T(0));
  // With several registers a pixel, the last one of a tap comes after the first one of the next tap.
  const bool keep = room != 0 && c > lanes<T>;
  const int64_t last_register = wide<T>(s) - lanes<T>;
  const auto mine = channels_from<T>(last_register, c);
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
    for (int64_t ox = 0; ox < s.out_width; ++ox) {
      const int64_t at = ox * s.kernel_width * c;
      for (int64_t j = 0; j < c; j += lanes<T>) {
        const B top = B::load_unaligned(best + ox * c + j);
        B left = B::load_unaligned(up + ox * c + j);
        const auto tap = [&](int64_t k, int64_t i) {
          // Not less than the largest: the largest, or NaN is among them.
          const auto lost = B::load_unaligned(from[k] + i + j) < top;
          B gradient = xsimd::select(lost, zero, left);
          if (keep && j == last_register) gradient = xsimd::select(mine, gradient, B::load_unaligned(to[k] + i + j));
          gradient.store_unaligned(to[k] + i + j);
          left = xsimd::select(lost, left, zero);
        };
        if (high == 2 && s.kernel_width == 2) {
          tap(0, at);
          tap(0, at + c);
          tap(1, at);
          tap(1, at + c);
          continue;
        }
        for (int64_t k = 0; k < high; ++k)
          for (int64_t kx = 0; kx < s.kernel_width; ++kx) tap(k, at + kx * c);
      }
    }
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

template <class T>
void max_backward(const PoolShape& s, const T* x, const T* y, const T* dy, T* dx, int64_t first, int64_t last,
                  T* work) {
  using B = Batch<T>;
  if (windows_tile(s)) return max_backward_tiled(s, x, y, dy, dx, first, last, work);
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
  for (int64_t r = first; r < last; ++r) {
    clear_rows(s, dx, r);
    const int64_t image = r / s.out_height;
    const T* const dy_row = readable(dy + r * y_row, y_row, dy_end, room, y_copy);
    for (int64_t j = 0; j < c; j += lanes<T>) {
      const auto mine = channels_from<T>(j, c);
      for (int64_t ox = 0; ox < s.out_width; ++ox)
        xsimd::select(mine, B::load_unaligned(dy_row + ox * c + j), zero).store_unaligned(open + ox * pitch + j);
    }
    const T* const best = readable(y + r * y_row, y_row, y_end, room, y_copy);
    const Range rows = rows_of(s, r % s.out_height);
    for (int64_t iy = rows.begin; iy < rows.end; ++iy) {
      const int64_t at = (image * s.height + iy) * x_row;
      const T* const row = readable(x + at, x_row, x_end, room, x_copy);
      for (int64_t i = 0; i < x_row + room; ++i) sum[i] = T(0);
      for (int64_t ox = 0; ox < s.out_width; ++ox) {
        const Range columns = columns_of(s, ox);
        for (int64_t j = 0; j < c; j += lanes<T>) {
          B left = B::load_unaligned(open + ox * pitch + j);
          const B top = B::load_unaligned(best + ox * c + j);
          for (int64_t ix = columns.begin; ix < columns.end; ++ix) {
            // Not less than the largest: the largest, or NaN is among them.
            const auto lost = B::load_unaligned(row + ix * c + j) < top;
            T* const into = sum + ix * c + j;
            (B::load_unaligned(into) + xsimd::select(lost, zero, left)).store_unaligned(into);
            left = xsimd::select(lost, left, zero);
          }
          left.store_unaligned(open + ox * pitch + j);
        }
      }
      put_row(s, sum, dx + at, x_row);
    }
  }
}

template <class T>
void average_backward(const PoolShape& s, const T* dy, T* dx, int64_t first, int64_t last, T* work) {
  using B = Batch<T>;
  const int64_t c = s.channels;
  const int64_t x_row = s.width * c, y_row = s.out_width * c;
  const int64_t room = margin<T>(s);
  const T* const dy_end = dy + s.images * s.out_height * y_row;
  T* const sum = work;
  T* const copy = work + x_row + 64;
  const B zero(T(0));
  for (int64_t r = first; r < last; ++r) {
    clear_rows(s, dx, r);
    const int64_t image = r / s.out_height;
    const T* const from = readable(dy + r * y_row, y_row, dy_end, room, copy);
    const Range rows = rows_of(s, r % s.out_height);
    for (int64_t i = 0; i < x_row + room; ++i) sum[i] = T(0);
    for (int64_t j = 0; j < c; j += lanes<T>) {
      const auto mine = channels_from<T>(j, c);
      for (int64_t ox = 0; ox < s.out_width; ++ox) {
        const Range columns = columns_of(s, ox);
        const int64_t size = s.count_padding ? s.kernel_height * s.kernel_width
                                             : (rows.end - rows.begin) * (columns.end - columns.begin);
        const B share =
            xsimd::select(mine, B::load_unaligned(from + ox * c + j), zero) * B(T(1) / static_cast<T>(size));
        for (int64_t ix = columns.begin; ix < columns.end; ++ix) {
          T* const into = sum + ix * c + j;
          (B::load_unaligned(into) + share).store_unaligned(into);
        }
      }
    }
    for (int64_t iy = rows.begin; iy < rows.end; ++iy) put_row(s, sum, dx + (image * s.height + iy) * x_row, x_row);
  }
}

template <class T>
void mean_rows(const T* x, int64_t rows, int64_t channels, T* y, T* work) {
  using B = Batch<T>;
  const T factor = T(1) / static_cast<T>(rows);
  for (int64_t c = 0; c < channels; ++c) work[c] = T(0);
  int64_t row = 0;
  for (; row + 4 <= rows; row += 4) {
    const T* const a = x + row * channels;
    const T* const b = a + channels;
    const T* const d = b + channels;
    const T* const e = d + channels;
    int64_t c = 0;
    const auto add = [&](B p, B q, B r, B t, B into) { return into + ((p + q) + (r + t)); };
    for (; c + lanes<T> <= channels; c += lanes<T>)
      add(B::load_unaligned(a + c), B::load_unaligned(b + c), B::load_unaligned(d + c), B::load_unaligned(e + c),
          B::load_unaligned(work + c))
          .store_unaligned(work + c);
    if (const int64_t left = channels - c; left > 0)
      store_part<T>(work + c,
                    add(load_part(a + c, left), load_part(b + c, left), load_part(d + c, left), load_part(e + c, left),
                        load_part(work + c, left)),
                    left);
  }
  for (; row < rows; ++row) add_row(x + row * channels, work, channels);
  map(work, y, channels, [=](B v) { return v * B(factor); });
}

template <class T>
void spread_rows(const T* dy, T factor, int64_t rows, int64_t channels, T* dx) {
  if (rows == 0) return;
  map(dy, dx, channels, [=](Batch<T> v) { return v * Batch<T>(factor); });
  // Doubling copies: long even where channels are few.
  int64_t done = 1;
  while (done < rows) {
    const int64_t next = rows - done < done ? rows - done : done;
    memcpy(dx + done * channels, dx, static_cast<size_t>(next * channels) * sizeof(T));
    done += next;
  }
}

template <class T>
void fill_table(Pooling<T>& table) {
  table.max_forward = max_forward<T>;
  table.max_backward = max_backward<T>;
  table.average_forward = average_forward<T>;
  table.average_backward = average_backward<T>;
  table.mean_rows = mean_rows<T>;
  table.spread_rows = spread_rows<T>;
}

}  // namespace

void fill(Pooling<float>& table) { fill_table(table); }
void fill(Pooling<double>& table) { fill_table(table); }

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
