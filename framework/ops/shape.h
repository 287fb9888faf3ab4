/// \file
/// Ops that move numbers without changing them.
#pragma once

#include <array>
#include <initializer_list>
#include <span>
#include <vector>

#include "framework/autograd/tape.h"

namespace ebb {

/// The same numbers under another shape; one dimension may be -1. Free.
Var reshape(const Var& x, std::initializer_list<std::int64_t> dims);
Var reshape(const Var& x, const Shape& shape);  ///< As above with a complete shape.

/// Joins all axes from `first` on: `[n, h, w, c]` -> `[n, h w c]`. Free.
Var flatten(const Var& x, int first = 1);

/// Permutes axes: axis i of the result is axis order[i] of x. \throws Error unless order is a permutation.
Var transpose(const Var& x, std::initializer_list<int> order);
Var transpose(const Var& x);  ///< Swaps the last two axes.

/// Elements begin .. end-1 of one axis (negative numbers count from the end), every `step`-th (>= 1).
/// \throws Error unless 0 <= begin <= end <= length of the axis, once negative numbers are counted from the end.
Var slice(const Var& x, int axis, std::int64_t begin, std::int64_t end, std::int64_t step = 1);

/// Joins along an axis; all other dimensions are equal. \throws Error on an empty list or other shapes.
Var concat(std::span<const Var> parts, int axis);
Var concat(std::initializer_list<Var> parts, int axis);  ///< As above.

/// Adds `before` and `after` elements equal to `value` to each axis: one pair for each axis of x.
/// \throws Error when their number differs from the rank, or one is negative.
Var pad(const Var& x, std::span<const std::array<std::int64_t, 2>> amounts, double value = 0.0);
Var pad(const Var& x, std::initializer_list<std::array<std::int64_t, 2>> amounts, double value = 0.0);  ///< As above.

}  // namespace ebb
