/// \file
/// Arithmetic with NumPy broadcasting, and its counterpart: sums over axes. Tensor to Tensor, f32 and f64.
#pragma once

#include "framework/tensor/tensor.h"

namespace ebb {

/// What binary() computes.
enum class Binary : std::uint8_t {
  add,  ///< a + b
  sub,  ///< a - b
  mul,  ///< a b
  div,  ///< a / b
};

/// a (op) b with broadcasting. Shapes of one layout and channel broadcasts run at the speed of memory.
/// \param op name for messages.
/// \throws Error naming `op` when a tensor is undefined, dtypes differ, or shapes do not broadcast.
Tensor binary(const char* op, Binary kind, const Tensor& a, const Tensor& b);

/// factor times the sum of `x` over the axes whose bit is set in `axes` (bit i is axis i); these stay with length 1.
/// Each sum is carried in double; when the summed axes are not neighbours, they are summed group by group from the
/// last, rounding in between. Shares `x` when nothing is summed and factor is 1.
Tensor sum_axes(const Tensor& x, unsigned axes, double factor = 1.0);

/// The sum of `x` over the axes that broadcasting stretched to get from `shape` to x.shape(): the gradient of a
/// broadcast operand.
Tensor sum_to(const Tensor& x, const Shape& shape);

}  // namespace ebb
