#include "framework/ops/reduction.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "framework/autograd/repeat.h"
#include "framework/compute/blocks.h"
#include "framework/compute/broadcast.h"
#include "framework/compute/instruction_set.h"
#include "framework/compute/strided.h"
#include "framework/ops/axes_last.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

// Which axes a reduction takes away, and what that makes of the shape.
struct ReducedAxes {
  unsigned mask = 0;       // bit i: axis i of x is reduced
  Shape kept;              // reduced axes with length 1
  Shape result;            // as the caller wants it
  std::int64_t count = 1;  // elements that become one

  ReducedAxes(const char* op, const Tensor& x, const Axes& axes, KeepDims keep) {
    require_defined(op, "x", x);
    for (const int given : axes.list()) {
      const int axis = x.shape().axis(op, given);
      if (detail::has_axis(mask, axis))
        fail(op, text("axis ", given, " twice"), text("each axis of ", x.shape(), " at most once"));
      mask |= 1U << static_cast<unsigned>(axis);
    }
    if (axes.list().empty()) mask = (1U << static_cast<unsigned>(x.rank())) - 1;
    kept = result = x.shape();
    for (int i = x.rank(); i-- > 0;) {
      if (!detail::has_axis(mask, i)) continue;
      count *= x.dim(i);
      kept = kept.with(i, 1);
      result = keep == KeepDims::yes ? result.with(i, 1) : result.without(i);
    }
  }

  // The reduced axes, a bit for each, as the graph shows them.
  std::array<OpSetting, 1> settings() const { return {OpSetting{"axes", static_cast<double>(mask)}}; }

  // For reductions that have no value for no elements.
  void require_elements(const char* op, const Tensor& x) const {
    if (count == 0 && kept.size() > 0) fail(op, text("no elements to reduce in shape ", x.shape()), "at least one");
  }
};

// body(T, row, first element of the row) for rows of `count` elements, in parallel.
template <class Body>
void for_rows(const char* op, const Tensor& rows, std::int64_t count, std::int64_t cost, Body body) {
  if (rows.size() == 0) return;
  dispatch(op, rows.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const from = rows.data<T>();
    parallel::for_blocks(rows.size() / count, row_block(count * cost), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) body(zero, row, from + row * count);
    });
  });
}

Var scaled_sum(const char* op, const Var& x, const ReducedAxes& reduced, double factor) {
  if (!is_float(x.dtype())) fail(op, text("type ", x.dtype()), "f32 or f64");
  Tensor y = sum_axes(x.value(), reduced.mask, factor).reshape(reduced.result);
  return record({op, reduced.settings()}, {x}, std::move(y),
                [kept = reduced.kept, factor](const Tensor& dy, InputGrads& dx) {
                  if (!dx.wants(0)) return;
                  const Tensor up = sum_axes(dy.reshape(kept), 0, factor);  // sums nothing: multiplies by factor
                  dx.add(0, expand("sum", up, dx.shape(0)));
                });
}

}  // namespace

Axes::Axes(std::initializer_list<int> axes) : count_(axes.size()) {
  if (axes.size() > axes_.size()) fail("axes", text(axes.size(), " axes"), text("at most ", Shape::max_rank));
  std::copy(axes.begin(), axes.end(), axes_.begin());
}

Var sum(const Var& x, const Axes& axes, KeepDims keep) {
  return repeatable(scaled_sum("sum", x, ReducedAxes("sum", x.value(), axes, keep), 1.0),
                    [axes, keep](std::span<const Var> in) { return sum(in[0], axes, keep); });
}

Var mean(const Var& x, const Axes& axes, KeepDims keep) {
  const ReducedAxes reduced("mean", x.value(), axes, keep);
  reduced.require_elements("mean", x.value());
  return repeatable(scaled_sum("mean", x, reduced, 1.0 / static_cast<double>(std::max<std::int64_t>(1, reduced.count))),
                    [axes, keep](std::span<const Var> in) { return mean(in[0], axes, keep); });
}

Var max(const Var& x, const Axes& axes, KeepDims keep) {
  const ReducedAxes reduced("max", x.value(), axes, keep);
  reduced.require_elements("max", x.value());
  const detail::AxesLast order(x.shape(), reduced.mask);
  const Tensor rows = order.to_rows(x.value());
  Tensor y(reduced.result, x.dtype());
  Tensor positions(reduced.kept, DType::i64);  // of the largest element in its row
  std::int64_t* const position = positions.mutable_data<std::int64_t>();
  std::byte* const out = y.mutable_bytes().data();
  for_rows("max", rows, reduced.count, 1, [&, out, position](auto zero, std::int64_t row, const auto* from) {
    using T = decltype(zero);
    position[row] = kernels_of<T>().reduction.argmax(from, reduced.count);
    reinterpret_cast<T*>(out)[row] = from[position[row]];
  });
  return repeatable(record({"max", reduced.settings()}, {x}, std::move(y),
                           [positions, order, count = reduced.count](const Tensor& dy, InputGrads& dx) {
                             if (!dx.wants(0)) return;
                             const std::int64_t* const chosen = positions.data<std::int64_t>();
                             Tensor gradient = Tensor::zeros({dy.size(), count}, dy.dtype());
                             std::byte* const to = gradient.mutable_bytes().data();
                             for_rows("max", dy, 1, 1, [&, to](auto zero, std::int64_t row, const auto* up) {
                               reinterpret_cast<decltype(zero)*>(to)[row * count + chosen[row]] = *up;
                             });
                             dx.add(0, order.from_rows(gradient, dx.shape(0)));
                           }),
                    [axes, keep](std::span<const Var> in) { return max(in[0], axes, keep); });
}

Var logsumexp(const Var& x, const Axes& axes, KeepDims keep) {
  const ReducedAxes reduced("logsumexp", x.value(), axes, keep);
  reduced.require_elements("logsumexp", x.value());
  const detail::AxesLast order(x.shape(), reduced.mask);
  const Tensor rows = order.to_rows(x.value());
  Tensor y(reduced.result, x.dtype());
  std::byte* const out = y.mutable_bytes().data();
  for_rows("logsumexp", rows, reduced.count, 4, [&, out](auto zero, std::int64_t row, const auto* from) {
    using T = decltype(zero);
    const auto& table = kernels_of<T>().reduction;
    const T largest = from[table.argmax(from, reduced.count)];
    // All -inf, some +inf, or a NaN: the largest is the answer.
    const bool plain = std::isfinite(largest);
    reinterpret_cast<T*>(out)[row] =
        plain ? static_cast<T>(static_cast<double>(largest) + std::log(table.sum_exp(largest, from, reduced.count)))
              : largest;
  });
  return repeatable(
      record({"logsumexp", reduced.settings()}, {x}, y,
             [rows = Saved(rows), y = Saved(y), order, count = reduced.count](const Tensor& dy, InputGrads& dx) {
               if (!dx.wants(0)) return;
               const Tensor& kept = *rows;
               const Tensor& result = *y;
               Tensor gradient({dy.size(), count}, dy.dtype());
               std::byte* const to = gradient.mutable_bytes().data();
               for_rows("logsumexp", kept, count, 4, [&, to](auto zero, std::int64_t row, const auto* from) {
                 using T = decltype(zero);
                 const T shift = result.data<T>()[row];
                 T* const into = reinterpret_cast<T*>(to) + row * count;
                 // Of nothing but -inf no element has a share.
                 if (shift == -std::numeric_limits<T>::infinity()) std::fill(into, into + count, T(0));
                 else kernels_of<T>().activation.exp_shifted(dy.data<T>()[row], shift, from, into, count);
               });
               dx.add(0, order.from_rows(gradient, dx.shape(0)));
             }),
      [axes, keep](std::span<const Var> in) { return logsumexp(in[0], axes, keep); });
}

}  // namespace ebb
