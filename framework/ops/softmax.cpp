#include <algorithm>

#include "framework/compute/blocks.h"
#include "framework/compute/instruction_set.h"
#include "framework/ops/loss.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

// Slots of parallel::scratch().
enum : int { max_slot = 0, log_sum_slot = 1 };

// Rows of a parallel block: an exponential costs about eight times a plain elementwise operation.
std::int64_t rows_together(std::int64_t n) { return row_block(8 * n); }

void require_classes(const char* op, const Tensor& x) {
  require_defined(op, "input", x);
  if (!is_float(x.dtype())) fail(op, text("an input of type ", x.dtype()), "f32 or f64", "convert it with cast()");
  if (x.rank() < 1 || x.dim(-1) == 0)
    fail(op, text("an input of shape ", x.shape()), "a last axis of at least one class");
}

// y = apply(kernels, x, y, rows, max, log_sum) on blocks of rows with their statistics.
template <class Apply>
Tensor over_rows(const char* op, const Tensor& x, Apply apply) {
  require_classes(op, x);
  const std::int64_t n = x.dim(-1);
  Tensor y(x.shape(), x.dtype());
  dispatch(op, x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto& kernels = kernels_of<T>().softmax;
    const T* const from = x.data<T>();
    T* const to = y.mutable_data<T>();
    parallel::for_blocks(x.size() / n, rows_together(n), [&](std::int64_t begin, std::int64_t end) {
      const std::int64_t rows = end - begin;
      double* const max = parallel::scratch<double>(max_slot, rows);
      double* const log_sum = parallel::scratch<double>(log_sum_slot, rows);
      kernels.statistics(from + begin * n, rows, n, max, log_sum);
      apply(kernels, from + begin * n, to + begin * n, rows, max, log_sum);
    });
  });
  return y;
}

// dx = backward(y, dy) on blocks of rows.
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
    parallel::for_blocks(y.size() / n, rows_together(n), [&](std::int64_t begin, std::int64_t end) {
      backward(kernels, from + begin * n, up + begin * n, to + begin * n, end - begin);
    });
  });
  return dx;
}

}  // namespace

Var softmax(const Var& x) {
  constexpr const char* op = "softmax";
  Tensor y = over_rows(op, x.value(),
                       [&](const auto& kernels, auto* from, auto* to, std::int64_t rows, double* max, double* log_sum) {
                         using T = std::remove_reference_t<decltype(*to)>;
                         kernels.softmax(from, to, rows, x.dim(-1), max, log_sum, T(1), T(0));
                       });
  return record(op, {x}, y, [y = Saved(y)](const Tensor& dy, InputGrads& dx) {
    dx.add(0, backward_over_rows(op, *y, dy, [&](const auto& kernels, auto* p, auto* up, auto* to, std::int64_t rows) {
             kernels.softmax_backward(p, up, to, rows, y->dim(-1));
           }));
  });
}

Var log_softmax(const Var& x) {
  constexpr const char* op = "log_softmax";
  Tensor y = over_rows(op, x.value(),
                       [&](const auto& kernels, auto* from, auto* to, std::int64_t rows, double* max, double* log_sum) {
                         kernels.log_softmax(from, to, rows, x.dim(-1), max, log_sum);
                       });
  return record(op, {x}, y, [y = Saved(y)](const Tensor& dy, InputGrads& dx) {
    dx.add(0, backward_over_rows(op, *y, dy, [&](const auto& kernels, auto* p, auto* up, auto* to, std::int64_t rows) {
             kernels.log_softmax_backward(p, up, to, rows, y->dim(-1));
           }));
  });
}

}  // namespace ebb
