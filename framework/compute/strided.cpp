#include "framework/compute/strided.h"

#include <algorithm>
#include <cstring>

#include "framework/compute/blocks.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

struct Axis {
  std::int64_t size;
  std::int64_t from;  // strides in elements
  std::int64_t to;
};

// The axes to walk, outermost first, without those of length 1; neighbours that are one run in both arrays are one.
struct Walk {
  std::array<Axis, Shape::max_rank> axes{};
  int rank = 0;

  Walk(const Shape& dims, const Strides& from, const Strides& to) {
    for (int i = 0; i < dims.rank(); ++i) {
      const auto at = static_cast<std::size_t>(i);
      const Axis axis{dims[i], from[at], to[at]};
      if (axis.size == 1) continue;
      if (rank > 0 && last().from == axis.from * axis.size && last().to == axis.to * axis.size)
        last() = {last().size * axis.size, axis.from, axis.to};
      else axes[static_cast<std::size_t>(rank++)] = axis;
    }
    if (rank == 0) axes[static_cast<std::size_t>(rank++)] = {1, 1, 1};
  }

  Axis& last() { return axes[static_cast<std::size_t>(rank - 1)]; }

  // Takes axis `i` out.
  Axis take(int i) {
    const Axis taken = axes[static_cast<std::size_t>(i)];
    std::copy(axes.begin() + i + 1, axes.begin() + rank, axes.begin() + i);
    --rank;
    return taken;
  }

  std::int64_t size() const {
    std::int64_t product = 1;
    for (int i = 0; i < rank; ++i) product *= axes[static_cast<std::size_t>(i)].size;
    return product;
  }

  // Offsets {from, to} of position `at` in row-major order.
  std::array<std::int64_t, 2> offsets(std::int64_t at) const {
    std::array<std::int64_t, 2> sum{0, 0};
    for (int i = rank; i-- > 0;) {
      const Axis& axis = axes[static_cast<std::size_t>(i)];
      const std::int64_t index = at % axis.size;
      at /= axis.size;
      sum[0] += index * axis.from;
      sum[1] += index * axis.to;
    }
    return sum;
  }
};

template <class E>
void copy_row(const E* from, const Axis& axis, E* to) {
  if (axis.to == 1 && axis.from == 1) std::memcpy(to, from, static_cast<std::size_t>(axis.size) * sizeof(E));
  else if (axis.to == 1 && axis.from == 0) std::fill(to, to + axis.size, *from);
  else
    for (std::int64_t i = 0; i < axis.size; ++i) to[i * axis.to] = from[i * axis.from];
}

// Rows along the last axis, in parallel.
template <class E>
void copy_rows(Walk walk, const E* from, E* to) {
  const Axis row = walk.take(walk.rank - 1);
  const std::int64_t rows = walk.size();
  if (rows == 1) {
    parallel::for_blocks(row.size, elementwise_block, [&](std::int64_t begin, std::int64_t end) {
      copy_row<E>(from + begin * row.from, {end - begin, row.from, row.to}, to + begin * row.to);
    });
    return;
  }
  parallel::for_blocks(rows, row_block(row.size + 8), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const std::array<std::int64_t, 2> at = walk.offsets(r);
      copy_row<E>(from + at[0], row, to + at[1]);
    }
  });
}

// A transpose: `source` runs contiguously in the source, the last axis in the target. Square tiles keep both in cache.
template <class E>
void copy_tiles(Walk walk, int source, const E* from, E* to) {
  constexpr std::int64_t tile = 32;
  const Axis inner = walk.take(walk.rank - 1);
  const Axis outer = walk.take(source);
  const std::int64_t strips = parallel::block_count(outer.size, tile);
  const std::int64_t block = row_block(inner.size * std::min(outer.size, tile));
  parallel::for_blocks(walk.size() * strips, block, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::array<std::int64_t, 2> at = walk.offsets(item / strips);
      const std::int64_t first = item % strips * tile;
      const std::int64_t last = std::min(outer.size, first + tile);
      for (std::int64_t column = 0; column < inner.size; column += tile) {
        const std::int64_t columns = std::min(tile, inner.size - column);
        for (std::int64_t i = first; i < last; ++i) {
          const E* const source_row = from + at[0] + i * outer.from + column * inner.from;
          E* const target_row = to + at[1] + i * outer.to + column * inner.to;
          for (std::int64_t j = 0; j < columns; ++j) target_row[j * inner.to] = source_row[j * inner.from];
        }
      }
    }
  });
}

template <class E>
void copy_elements(const Walk& walk, const std::byte* from, std::byte* to) {
  const E* const source = reinterpret_cast<const E*>(from);
  E* const target = reinterpret_cast<E*>(to);
  const Axis& last = walk.axes[static_cast<std::size_t>(walk.rank - 1)];
  if (last.from > 1)
    for (int i = 0; i + 1 < walk.rank; ++i)
      if (walk.axes[static_cast<std::size_t>(i)].from == 1) return copy_tiles<E>(walk, i, source, target);
  copy_rows<E>(walk, source, target);
}

}  // namespace

Strides contiguous_strides(const Shape& shape) {
  Strides strides{};
  std::int64_t step = 1;
  for (int i = shape.rank(); i-- > 0;) {
    strides[static_cast<std::size_t>(i)] = step;
    step *= shape[i];
  }
  return strides;
}

void copy_strided(const Shape& dims, std::size_t element_size, const std::byte* from, const Strides& from_strides,
                  std::byte* to, const Strides& to_strides) {
  if (dims.size() == 0) return;
  const Walk walk(dims, from_strides, to_strides);
  switch (element_size) {
    case 1: return copy_elements<std::uint8_t>(walk, from, to);
    case 4: return copy_elements<std::uint32_t>(walk, from, to);
    case 8: return copy_elements<std::uint64_t>(walk, from, to);
    default: fail("copy_strided", text("elements of ", element_size, " bytes"), "1, 4 or 8");
  }
}

Tensor permute(const Tensor& x, const std::array<int, Shape::max_rank>& order) {
  const Strides strides = contiguous_strides(x.shape());
  Strides from{};
  Shape shape = x.shape();
  for (int i = 0; i < x.rank(); ++i) {
    const int axis = order[static_cast<std::size_t>(i)];
    shape = shape.with(i, x.dim(axis));
    from[static_cast<std::size_t>(i)] = strides[static_cast<std::size_t>(axis)];
  }
  Tensor y(shape, x.dtype());
  copy_strided(shape, size_of(x.dtype()), x.bytes().data(), from, y.mutable_bytes().data(), contiguous_strides(shape));
  return y;
}

Tensor expand(const char* op, const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  if (!(broadcast(op, x.shape(), shape) == shape))
    fail(op, text("shape ", x.shape()), text("one that broadcasts to ", shape));
  const Strides strides = contiguous_strides(x.shape());
  Strides from{};
  const int missing = shape.rank() - x.rank();
  for (int i = 0; i < x.rank(); ++i)
    from[static_cast<std::size_t>(i + missing)] = x.dim(i) == 1 ? 0 : strides[static_cast<std::size_t>(i)];
  Tensor y(shape, x.dtype());
  copy_strided(shape, size_of(x.dtype()), x.bytes().data(), from, y.mutable_bytes().data(), contiguous_strides(shape));
  return y;
}

}  // namespace ebb
