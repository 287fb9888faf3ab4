/// \file
/// Reductions over axes.
#pragma once

#include <array>
#include <initializer_list>
#include <span>

#include "framework/autograd/tape.h"

namespace ebb {

/// Axes to reduce over; negative ones count from the end. Empty means all axes.
class Axes {
 public:
  Axes() = default;
  /// \throws Error when there are more than six.
  Axes(std::initializer_list<int> axes);
  /// The list as given.
  std::span<const int> list() const { return {axes_.data(), count_}; }

 private:
  std::array<int, Shape::max_rank> axes_{};
  std::size_t count_ = 0;
};

/// Whether reduced axes stay with length 1.
enum class KeepDims : bool { no = false, yes = true };
/// The usual spelling: `mean(x, {1, 2}, keep_dims)`.
constexpr KeepDims keep_dims = KeepDims::yes;

/// Sum over `axes`, carried in double. \throws Error on an axis that does not exist or stands twice.
Var sum(const Var& x, const Axes& axes = {}, KeepDims keep = KeepDims::no);

/// Mean over `axes`. \throws Error as sum(), and when there are no elements to average.
Var mean(const Var& x, const Axes& axes = {}, KeepDims keep = KeepDims::no);

/// Largest element over `axes`, NaN where one is NaN; on ties the gradient goes to the first in row-major order.
/// \throws Error as sum(), and when there are no elements to choose from.
Var max(const Var& x, const Axes& axes = {}, KeepDims keep = KeepDims::no);

/// log(sum(e^x)) over `axes`, without overflow; -inf, with gradients of 0, where all elements are -inf.
/// \throws Error as sum(), and when there are no elements.
Var logsumexp(const Var& x, const Axes& axes = {}, KeepDims keep = KeepDims::no);

}  // namespace ebb
