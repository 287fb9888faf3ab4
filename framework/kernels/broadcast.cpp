#include "framework/kernels/broadcast.h"

#include <string.h>

#include "framework/kernels/simd.h"
#include "framework/kernels/table_entries.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {
namespace {

// Narrow rows are worked on several at a time, as one contiguous run of at most this many numbers; an operand that is
// not contiguous is first written out into a buffer.
constexpr int64_t run_size = 1024;
constexpr int64_t narrow = 64;

template <class T>
struct Run {
  alignas(64) T buffer[run_size];
  Rows<T> rows;
  int64_t width;
  bool contiguous;
  bool periodic;

  Run(Rows<T> operand, int64_t row_width, int64_t rows_in_run)
      : rows(operand),
        width(row_width),
        contiguous(operand.stride == 1 && operand.row_stride == row_width),
        periodic(operand.row_stride == 0) {
    if (!contiguous && periodic) write(0, rows_in_run);
  }

  // The numbers of rows first .. first + count - 1 as a contiguous array.
  const T* at(int64_t first, int64_t count) {
    if (contiguous) return rows.data + first * width;
    if (!periodic) write(first, count);
    return buffer;
  }

  void write(int64_t first, int64_t count) {
    const T* const from = rows.data + first * rows.row_stride;
    const int64_t written = periodic ? 1 : count;
    for (int64_t r = 0; r < written; ++r) {
      const T* const row = from + r * rows.row_stride;
      for (int64_t i = 0; i < width; ++i) buffer[r * width + i] = rows.stride == 0 ? *row : row[i];
    }
    // Of a row that repeats, what is there is doubled until it suffices.
    const int64_t total = count * width;
    for (int64_t have = written * width; have < total; have *= 2)
      memcpy(buffer + have, buffer, static_cast<size_t>(have < total - have ? have : total - have) * sizeof(T));
  }
};

// One row: each operand is an array or one number.
template <class T, class F>
void row(const T* a, int64_t a_stride, const T* b, int64_t b_stride, T* y, int64_t n, F f) {
  using B = Batch<T>;
  if (a_stride != 0 && b_stride != 0) {
    map(a, b, y, n, f);
  } else if (a_stride != 0) {
    const B q(*b);
    map(a, y, n, [=](B p) { return f(p, q); });
  } else {
    const B p(*a);
    if (b_stride != 0) map(b, y, n, [=](B q) { return f(p, q); });
    else {
      const B q(*b);
      map(y, y, n, [=](B) { return f(p, q); });
    }
  }
}

template <class T, class F>
void broadcast(Rows<T> a, Rows<T> b, T* y, int64_t rows, int64_t width, F f) {
  if (rows == 1 || width >= narrow) {
    for (int64_t r = 0; r < rows; ++r)
      row(a.data + r * a.row_stride, a.stride, b.data + r * b.row_stride, b.stride, y + r * width, width, f);
    return;
  }
  int64_t fit = run_size / width;
  if (fit > lanes<T>) fit -= fit % lanes<T>;  // whole registers, whatever the width
  const int64_t step = fit < rows ? fit : rows;
  Run<T> p(a, width, step);
  Run<T> q(b, width, step);
  for (int64_t r = 0; r < rows; r += step) {
    const int64_t count = rows - r < step ? rows - r : step;
    const T* const from_a = p.at(r, count);
    const T* const from_b = q.at(r, count);
    map(from_a, from_b, y + r * width, count * width, f);
  }
}

// Adds up to eight rows in registers of T, and these sums in double.
template <class T>
void add_rows(const T* x, int64_t rows, int64_t row_stride, int64_t width, double* out) {
  using B = Batch<T>;
  for (int64_t i = 0; i < width; ++i) out[i] = 0;
  for (int64_t first = 0; first < rows; first += 8) {
    const int64_t count = rows - first < 8 ? rows - first : 8;
    const T* const from = x + first * row_stride;
    const auto add = [&](int64_t i, int64_t lanes_used, auto load) {
      B sum = load(from + i);
      for (int64_t r = 1; r < count; ++r) sum += load(from + r * row_stride + i);
      alignas(64) T part[lanes<T>];
      sum.store_aligned(part);
      for (int64_t j = 0; j < lanes_used; ++j) out[i + j] += static_cast<double>(part[j]);
    };
    int64_t i = 0;
    for (; i + lanes<T> <= width; i += lanes<T>) add(i, lanes<T>, [](const T* p) { return B::load_unaligned(p); });
    if (i < width) add(i, width - i, [=](const T* p) { return load_part(p, width - i); });
  }
}

// Narrow rows that follow each other are added as wide ones, which are folded at the end.
template <class T>
void sum_rows(const T* x, int64_t rows, int64_t row_stride, int64_t width, double* out) {
  const int64_t fold = width < narrow && row_stride == width ? (2 * narrow) / width : 1;
  if (fold == 1 || rows < 2 * fold) return add_rows(x, rows, row_stride, width, out);
  double wide[2 * narrow];
  const int64_t wide_rows = rows / fold;
  add_rows(x, wide_rows, fold * width, fold * width, wide);
  add_rows(x + wide_rows * fold * width, rows - wide_rows * fold, row_stride, width, out);
  for (int64_t r = 0; r < fold; ++r)
    for (int64_t i = 0; i < width; ++i) out[i] += wide[r * width + i];
}

template <class T>
void fill_table(Broadcast<T>& table) {
  using B = Batch<T>;
  table.add = [](Rows<T> a, Rows<T> b, T* y, int64_t rows, int64_t width) {
    broadcast(a, b, y, rows, width, [](B p, B q) { return p + q; });
  };
  table.sub = [](Rows<T> a, Rows<T> b, T* y, int64_t rows, int64_t width) {
    broadcast(a, b, y, rows, width, [](B p, B q) { return p - q; });
  };
  table.mul = [](Rows<T> a, Rows<T> b, T* y, int64_t rows, int64_t width) {
    broadcast(a, b, y, rows, width, [](B p, B q) { return p * q; });
  };
  table.div = [](Rows<T> a, Rows<T> b, T* y, int64_t rows, int64_t width) {
    broadcast(a, b, y, rows, width, [](B p, B q) { return p / q; });
  };
  table.sum_rows = [](const T* x, int64_t rows, int64_t row_stride, int64_t width, double* out) {
    sum_rows(x, rows, row_stride, width, out);
  };
}

}  // namespace

void fill(Broadcast<float>& table) { fill_table(table); }
void fill(Broadcast<double>& table) { fill_table(table); }

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
