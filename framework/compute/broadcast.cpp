#include "framework/compute/broadcast.h"

#include <algorithm>
#include <array>

#include "framework/compute/blocks.h"
#include "framework/compute/instruction_set.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

using kernels::Rows;

// A run of axes of the result along which each operand is either laid out contiguously or repeats.
struct Segment {
  std::int64_t size = 1;
  std::int64_t a = 0;  // strides in elements; 0 repeats
  std::int64_t b = 0;
};

// The result's axes as few segments as possible, outermost first. The last is the width of rows, the one before it
// counts the rows; both exist, with size 1 if need be.
struct Layout {
  std::array<Segment, Shape::max_rank + 2> segments{};
  int count = 2;

  Layout(const Shape& out, const Shape& a, const Shape& b) {
    std::array<Segment, Shape::max_rank> found{};  // innermost first
    int n = 0;
    std::int64_t a_size = 1;
    std::int64_t b_size = 1;
    for (int back = 1; back <= out.rank(); ++back) {
      const std::int64_t size = out[-back];
      if (size == 1) continue;
      const bool in_a = back <= a.rank() && a[-back] != 1;
      const bool in_b = back <= b.rank() && b[-back] != 1;
      Segment* const last = n > 0 ? &found[static_cast<std::size_t>(n - 1)] : nullptr;
      if (last != nullptr && (last->a != 0) == in_a && (last->b != 0) == in_b) last->size *= size;
      else found[static_cast<std::size_t>(n++)] = {size, in_a ? a_size : 0, in_b ? b_size : 0};
      if (in_a) a_size *= size;
      if (in_b) b_size *= size;
    }
    count = std::max(n, 2);
    for (int i = 0; i < n; ++i) segments[static_cast<std::size_t>(count - 1 - i)] = found[static_cast<std::size_t>(i)];
    if (n == 1) segments[0] = {1, 0, 0};
    if (n == 0) segments[0] = segments[1] = {1, 0, 0};
  }

  const Segment& row() const { return segments[static_cast<std::size_t>(count - 1)]; }
  const Segment& rows() const { return segments[static_cast<std::size_t>(count - 2)]; }

  // Number of (rows x width) pieces.
  std::int64_t pieces() const {
    std::int64_t product = 1;
    for (int i = 0; i < count - 2; ++i) product *= segments[static_cast<std::size_t>(i)].size;
    return product;
  }

  // Offsets {a, b} of piece `at`.
  std::array<std::int64_t, 2> piece(std::int64_t at) const {
    std::array<std::int64_t, 2> sum{0, 0};
    for (int i = count - 2; i-- > 0;) {
      const Segment& s = segments[static_cast<std::size_t>(i)];
      sum[0] += at % s.size * s.a;
      sum[1] += at % s.size * s.b;
      at /= s.size;
    }
    return sum;
  }
};

template <class T>
auto kernel_of(Binary kind) {
  const kernels::Broadcast<T>& table = kernels_of<T>().broadcast;
  switch (kind) {
    case Binary::add: return table.add;
    case Binary::sub: return table.sub;
    case Binary::mul: return table.mul;
    case Binary::div: break;
  }
  return table.div;
}

template <class T>
void run_binary(Binary kind, const Layout& layout, const T* a, const T* b, T* y) {
  const auto kernel = kernel_of<T>(kind);
  const Segment row = layout.row();
  const Segment rows = layout.rows();
  const std::int64_t stripes = parallel::block_count(row.size, elementwise_block);  // wide rows go in stripes
  if (stripes > 1) {
    parallel::for_blocks(layout.pieces() * rows.size * stripes, 1, [&](std::int64_t item, std::int64_t) {
      const std::int64_t r = item / stripes;
      const std::int64_t begin = item % stripes * elementwise_block;
      const std::array<std::int64_t, 2> at = layout.piece(r / rows.size);
      const std::int64_t i = r % rows.size;
      kernel({a + at[0] + i * rows.a + begin * row.a, 0, row.a}, {b + at[1] + i * rows.b + begin * row.b, 0, row.b},
             y + r * row.size + begin, 1, std::min(elementwise_block, row.size - begin));
    });
    return;
  }
  parallel::for_blocks(layout.pieces() * rows.size, row_block(row.size), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end;) {
      const std::array<std::int64_t, 2> at = layout.piece(r / rows.size);
      const std::int64_t i = r % rows.size;
      const std::int64_t n = std::min(end - r, rows.size - i);
      kernel({a + at[0] + i * rows.a, rows.a, row.a}, {b + at[1] + i * rows.b, rows.b, row.b}, y + r * row.size, n,
             row.size);
      r += n;
    }
  });
}

// to[i] = factor * values[i], rounded to T.
template <class T>
void store_sums(const double* values, std::int64_t n, double factor, T* to) {
  for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<T>(factor * values[i]);
}

constexpr std::int64_t column_tile = 512;

// x [outer, reduced, inner] -> y [outer, inner] with inner > 1. A tile of columns is added in blocks of rows, whose
// sums are added as a tree; when there are enough tiles to share out, each is added in one go.
template <class T>
void sum_columns(const T* x, std::int64_t outer, std::int64_t reduced, std::int64_t inner, double factor, T* y) {
  const auto kernel = kernels_of<T>().broadcast.sum_rows;
  const std::int64_t width = std::min(inner, column_tile);
  const std::int64_t tiles = parallel::block_count(inner, width);
  const std::int64_t rows = std::max<std::int64_t>(64, row_block(width));
  const std::int64_t row_tiles = outer * tiles >= 16 || reduced <= rows ? 1 : parallel::block_count(reduced, rows);
  const auto columns = [&](std::int64_t tile) { return std::min(width, inner - tile * width); };
  if (row_tiles == 1) {
    parallel::for_blocks(outer * tiles, row_block(reduced * width), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t item = begin; item < end; ++item) {
        const std::int64_t tile = item % tiles;
        double sums[column_tile];
        kernel(x + item / tiles * reduced * inner + tile * width, reduced, inner, columns(tile), sums);
        store_sums(sums, columns(tile), factor, y + item / tiles * inner + tile * width);
      }
    });
    return;
  }
  Tensor partial_sums({outer, row_tiles, inner}, DType::f64);
  double* const partial = partial_sums.mutable_data<double>();
  parallel::for_blocks(outer * tiles * row_tiles, 1, [&](std::int64_t item, std::int64_t) {
    const std::int64_t part = item % row_tiles;
    const std::int64_t tile = item / row_tiles % tiles;
    const std::int64_t o = item / row_tiles / tiles;
    kernel(x + (o * reduced + part * rows) * inner + tile * width, std::min(rows, reduced - part * rows), inner,
           columns(tile), partial + (o * row_tiles + part) * inner + tile * width);
  });
  for (std::int64_t o = 0; o < outer; ++o) {
    double* const sums = partial + o * row_tiles * inner;
    parallel::tree_sum_rows(sums, row_tiles, inner);
    store_sums(sums, inner, factor, y + o * inner);
  }
}

// x [outer, reduced] -> y [outer].
template <class T>
void sum_contiguous(const T* x, std::int64_t outer, std::int64_t reduced, double factor, T* y) {
  const auto kernel = kernels_of<T>().reduction.sum;
  if (outer < 16 && reduced > elementwise_block) {
    for (std::int64_t o = 0; o < outer; ++o)
      y[o] = static_cast<T>(factor *
                            parallel::sum_blocks(reduced, elementwise_block, [&](std::int64_t begin, std::int64_t end) {
                              return kernel(x + o * reduced + begin, end - begin);
                            }));
    return;
  }
  parallel::for_blocks(outer, row_block(reduced), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t o = begin; o < end; ++o) y[o] = static_cast<T>(factor * kernel(x + o * reduced, reduced));
  });
}

// Sum over the axes first .. last-1, which stay with length 1.
Tensor sum_group(const Tensor& x, int first, int last, double factor) {
  std::int64_t outer = 1;
  std::int64_t reduced = 1;
  std::int64_t inner = 1;
  Shape shape = x.shape();
  for (int i = 0; i < x.rank(); ++i) {
    (i < first ? outer : i < last ? reduced : inner) *= x.dim(i);
    if (i >= first && i < last) shape = shape.with(i, 1);
  }
  Tensor y(shape, x.dtype());
  dispatch("sum", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const from = x.data<T>();
    T* const to = y.mutable_data<T>();
    if (inner == 1) sum_contiguous(from, outer, reduced, factor, to);
    else if (y.size() > 0) sum_columns(from, outer, reduced, inner, factor, to);
  });
  return y;
}

}  // namespace

Tensor binary(const char* op, Binary kind, const Tensor& a, const Tensor& b) {
  require_defined(op, "a", a);
  require_defined(op, "b", b);
  require_same_dtype(op, a, b);
  const Shape shape = broadcast(op, a.shape(), b.shape());
  return dispatch(op, a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    Tensor y(shape, a.dtype());
    if (y.size() > 0)
      run_binary(kind, Layout(shape, a.shape(), b.shape()), a.data<T>(), b.data<T>(), y.mutable_data<T>());
    return y;
  });
}

Tensor sum_axes(const Tensor& x, unsigned axes, double factor) {
  const auto summed = [&](int i) { return (axes >> static_cast<unsigned>(i) & 1U) != 0; };
  int groups_left = 0;  // runs of neighbouring summed axes, whatever axes of length 1 stand between them
  bool in_group = false;
  for (int i = 0; i < x.rank(); ++i) {
    if (x.dim(i) == 1) continue;
    if (summed(i) && !in_group) ++groups_left;
    in_group = summed(i);
  }
  if (groups_left == 0) return factor == 1.0 ? x : sum_group(x, 0, 0, factor);
  Tensor sums = x;
  for (int last = x.rank(); groups_left > 0; --last) {
    if (!summed(last - 1) || x.dim(last - 1) == 1) continue;
    int first = last - 1;
    while (first > 0 && (summed(first - 1) || x.dim(first - 1) == 1)) --first;
    sums = sum_group(sums, first, last, --groups_left == 0 ? factor : 1.0);
    last = first + 1;
  }
  return sums;
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  const int missing = x.rank() - shape.rank();
  unsigned axes = 0;
  for (int i = 0; i < x.rank(); ++i)
    if (i < missing || shape[i - missing] == 1) axes |= 1U << static_cast<unsigned>(i);
  return sum_axes(x, axes).reshape(shape);
}

}  // namespace ebb
