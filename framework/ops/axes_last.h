/// \file
/// Some axes as rows of contiguous numbers, and back. Not part of the public interface.
#pragma once

#include <array>

#include "framework/compute/strided.h"

namespace ebb::detail {

/// Whether bit `axis` is set.
constexpr bool has_axis(unsigned mask, int axis) { return (mask >> static_cast<unsigned>(axis) & 1U) != 0; }

/// Chosen axes brought to the end, both kinds in their order: axes[i] is the axis of x at place i, as permute() takes
/// it.
struct AxesLast {
  std::array<int, Shape::max_rank> axes{};
  bool identity = true;  // nothing has to move

  /// \param mask bit i is axis i.
  AxesLast(const Shape& shape, unsigned mask) {
    int place = 0;
    for (const bool chosen : {false, true})
      for (int i = 0; i < shape.rank(); ++i) {
        if (has_axis(mask, i) != chosen) continue;
        identity = identity && place == i;
        axes[static_cast<std::size_t>(place++)] = i;
      }
  }

  /// x as [others, chosen]; shares the numbers of x where they lie so.
  Tensor to_rows(const Tensor& x) const { return identity ? x : permute(x, axes); }

  /// [others, chosen] in the layout of `shape` again.
  Tensor from_rows(const Tensor& rows, const Shape& shape) const {
    if (identity) return rows.reshape(shape);
    std::array<int, Shape::max_rank> inverse{};
    Shape moved = shape;
    for (int i = 0; i < shape.rank(); ++i) {
      const int axis = axes[static_cast<std::size_t>(i)];
      inverse[static_cast<std::size_t>(axis)] = i;
      moved = moved.with(i, shape[axis]);
    }
    return permute(rows.reshape(moved), inverse);
  }
};

}  // namespace ebb::detail
