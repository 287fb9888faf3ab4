#include <algorithm>

#include "framework/autograd/repeat.h"
#include "framework/compute/blocks.h"
#include "framework/compute/instruction_set.h"
#include "framework/ops/axes_last.h"
#include "framework/ops/loss.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

// Slots of parallel::scratch().
enum : int { max_slot = 0, log_sum_slot = 1 };

// The axis brought to the end, after a check of the input.
detail::AxesLast checked(const char* op, const Tensor& x, int axis) {
  require_defined(op, "input", x);
  if (!is_float(x.dtype())) fail(op, text("an input of type ", x.dtype()), "f32 or f64", "convert it with cast()");
  if (x.rank() < 1) fail(op, text("an input of shape ", x.shape()), "an axis of at least one class");
  const int at = x.shape().axis(op, axis);
  if (x.dim(at) == 0) fail(op, text("axis ", axis, " of an input of shape ", x.shape()), "at least one class");
  return {x.shape(), 1U << static_cast<unsigned>(at)};
}

// y = apply(kernels, x, y, rows, n, max, log_sum) on blocks of rows of n numbers, with their statistics.
template <class Apply>
Tensor over_rows(const char* op, const Tensor& x, Apply apply) {
  const std::int64_t n = x.dim(-1);
  Tensor y(x.shape(), x.dtype());
  dispatch(op, x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto& kernels = kernels_of<T>().softmax;
    const T* const from = x.data<T>();
    T* const to = y.mutable_data<T>();
    parallel::for_blocks(x.size() / n, exponential_row_block(n), [&](std::int64_t begin, std::int64_t end) {
      const std::int64_t rows = end - begin;
      double* const max = parallel::scratch<double>(max_slot, rows);
      double* const log_sum = parallel::scratch<double>(log_sum_slot, rows);
      kernels.statistics(from + begin * n, rows, n, max, log_sum);
      apply(kernels, from + begin * n, to + begin * n, rows, n, max, log_sum);
    });
  });
  return y;
}

// dx = backward(kernels, y, dy, dx, rows, n) on blocks of rows.
template <class Backward>
Tensor backward_over_rows(const char* op, const Tensor& y, const Tensor& dy, Backward backward) {
  const std::int64_t n = y.dim(-1);
  Tensor dx(y.shape(), y.dtype());
  dispatch(op, y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto& kernels = kernels_of<T>().softmax;
    const T* const from = y.data<T>();
    const T* const up = dy.data<T>();
    T* const to = dx.mutable_data<T>();
    parallel::for_blocks(y.size() / n, exponential_row_block(n), [&](std::int64_t begin, std::int64_t end) {
      backward(kernels, from + begin * n, up + begin * n, to + begin * n, end - begin, n);
    });
  });
  return dx;
}

// The op of these two passes over one axis. Keeps its result as rows, which are the result where the axis is the last.
template <class Apply, class Backward>
Var over_axis(const char* op, const Var& x, int axis, Apply apply, Backward backward) {
  const detail::AxesLast order = checked(op, x.value(), axis);
  const Tensor rows = over_rows(op, order.to_rows(x.value()), apply);
  return repeatable(
      record({op, {{"axis", static_cast<double>(x.shape().axis(op, axis))}}}, {x}, order.from_rows(rows, x.shape()),
             [=, y = Saved(rows)](const Tensor& dy, InputGrads& dx) {
               dx.add(0, order.from_rows(backward_over_rows(op, *y, order.to_rows(dy), backward), dx.shape(0)));
             }),
      [=](std::span<const Var> in) { return over_axis(op, in[0], axis, apply, backward); });
}

}  // namespace

Var softmax(const Var& x, int axis) {
  return over_axis(
      "softmax", x, axis,
      [](const auto& k, const auto* from, auto* to, std::int64_t rows, std::int64_t n, double* max, double* log_sum) {
        using T = std::remove_reference_t<decltype(*to)>;
        k.softmax(from, to, rows, n, max, log_sum, T(1), T(0));
      },
      [](const auto& k, const auto* y, const auto* dy, auto* dx, std::int64_t rows, std::int64_t n) {
        k.softmax_backward(y, dy, dx, rows, n);
      });
}

Var log_softmax(const Var& x, int axis) {
  return over_axis(
      "log_softmax", x, axis,
      [](const auto& k, const auto* from, auto* to, std::int64_t rows, std::int64_t n, double* max, double* log_sum) {
        k.log_softmax(from, to, rows, n, max, log_sum);
      },
      [](const auto& k, const auto* y, const auto* dy, auto* dx, std::int64_t rows, std::int64_t n) {
        k.log_softmax_backward(y, dy, dx, rows, n);
      });
}

}  // namespace ebb
