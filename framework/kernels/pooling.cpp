#include "framework/kernels/pooling_forward.h"
#include "framework/kernels/table_entries.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {
namespace {

template <class T>
void average_forward(const PoolShape& s, const T* x, T* y, int64_t first, int64_t last, T* work) {
  forward(
      s, x, y, first, last, work, [](Batch<T> a, Batch<T> b) { return a + b; },
      [](Batch<T> v, int64_t size) { return v * Batch<T>(T(1) / static_cast<T>(size)); });
}

template <bool Usual, class T>
void average_backward_rows(const PoolShape& s, const T* dy, T* dx, int64_t first, int64_t last, T* work) {
  using B = Batch<T>;
  const int64_t c = s.channels;
  const int64_t x_row = s.width * c, y_row = s.out_width * c;
  const int64_t room = margin<T>(s);
  const T* const dy_end = dy + s.images * s.out_height * y_row;
  T* const sum = work;
  T* const copy = work + x_row + 64;
  const B zero(T(0));
  const Axis<Usual> vertical = rows_of<Usual>(s), horizontal = columns_of<Usual>(s);
  for (int64_t r = first; r < last; ++r) {
    clear_rows<Usual>(s, dx, r);
    const int64_t image = r / s.out_height;
    const T* const from = readable(dy + r * y_row, y_row, dy_end, room, copy);
    const Window rows = vertical.window(r % s.out_height);
    const auto factor_of = [&](int64_t wide_by) { return B(T(1) / static_cast<T>(rows.counted * wide_by)); };
    const B whole = factor_of(s.kernel_width);
    for (int64_t i = 0; i < x_row + room; ++i) sum[i] = T(0);
    for (int64_t j = 0; j < c; j += lanes<T>) {
      const auto mine = channels_from<T>(j, c);
      for (int64_t ox = 0; ox < s.out_width; ++ox) {
        const Window columns = horizontal.window(ox);
        const B factor = columns.counted == s.kernel_width ? whole : factor_of(columns.counted);
        const B share = xsimd::select(mine, B::load_unaligned(from + ox * c + j), zero) * factor;
        for (int64_t ix = columns.begin; ix < columns.end; ix += horizontal.step()) {
          T* const into = sum + ix * c + j;
          (B::load_unaligned(into) + share).store_unaligned(into);
        }
      }
    }
    for (int64_t iy = rows.begin; iy < rows.end; iy += vertical.step())
      put_row(s, sum, dx + (image * s.height + iy) * x_row, x_row);
  }
}

template <class T>
void average_backward(const PoolShape& s, const T* dy, T* dx, int64_t first, int64_t last, T* work) {
  if (usual(s)) average_backward_rows<true>(s, dy, dx, first, last, work);
  else average_backward_rows<false>(s, dy, dx, first, last, work);
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
  fill_max(table);
  table.average_forward = average_forward<T>;
  table.average_backward = average_backward<T>;
  table.mean_rows = mean_rows<T>;
  table.spread_rows = spread_rows<T>;
}

}  // namespace

void fill(Pooling<float>& table) { fill_table(table); }
void fill(Pooling<double>& table) { fill_table(table); }

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
