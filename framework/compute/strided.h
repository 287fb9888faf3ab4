/// \file
/// Copies between arrays with strides: what transposes, slices, joins, pads and repeats.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "framework/tensor/tensor.h"

namespace ebb {

/// Distances in elements between neighbours along each axis; 0 repeats one element.
using Strides = std::array<std::int64_t, Shape::max_rank>;

/// Strides of a contiguous tensor of this shape.
Strides contiguous_strides(const Shape& shape);

/// For every index within `dims`: element `to + sum(index * to_strides)` = element `from + sum(index * from_strides)`.
/// The arrays may not overlap, and no element is written twice.
/// \param element_size bytes of an element: 1, 4 or 8.
void copy_strided(const Shape& dims, std::size_t element_size, const std::byte* from, const Strides& from_strides,
                  std::byte* to, const Strides& to_strides);

/// `x` with its axes permuted: axis i of the result is axis order[i] of x. Any dtype.
Tensor permute(const Tensor& x, const std::array<int, Shape::max_rank>& order);

/// `x` repeated to `shape` as broadcasting does. Any dtype; shares `x` when it has that shape already.
/// \throws Error naming `op` when x does not broadcast to `shape`.
Tensor expand(const char* op, const Tensor& x, const Shape& shape);

}  // namespace ebb
