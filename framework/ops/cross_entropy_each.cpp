#include "framework/ops/cross_entropy_each.h"

#include <algorithm>

#include "framework/compute/instruction_set.h"
#include "framework/parallel/parallel.h"

namespace ebb::detail {
namespace {

// Slots of parallel::scratch().
enum : int { targets_slot = 0 };

// What the samples should be.
template <class T>
struct Goal {
  Goal(const Tensor& targets, double label_smoothing, const Tensor& class_weights, std::int64_t n)
      : classes(n),
        labels(is_float(targets.dtype()) ? nullptr : targets.data<std::int64_t>()),
        soft(labels == nullptr ? targets.data<T>() : nullptr),
        weights(class_weights.defined() ? class_weights.data<T>() : nullptr),
        smoothing(label_smoothing) {}

  bool counts(std::int64_t sample) const { return labels == nullptr || labels[sample] != ignored; }

  // Whether all of the target lies on one class.
  bool one_class() const { return labels != nullptr && smoothing == 0; }

  double weight(std::int64_t c) const { return weights == nullptr ? 1.0 : static_cast<double>(weights[c]); }

  // q = class weight ((1 - smoothing) target + smoothing / classes)
  void fill(std::int64_t sample, T* q) const {
    const double even = smoothing / static_cast<double>(classes);
    for (std::int64_t c = 0; c < classes; ++c) {
      const double target =
          soft == nullptr ? (labels[sample] == c ? 1.0 : 0.0) : static_cast<double>(soft[sample * classes + c]);
      q[c] = static_cast<T>(weight(c) * ((1 - smoothing) * target + even));
    }
  }

  std::int64_t classes;
  const std::int64_t* labels;
  const T* soft;
  const T* weights;
  double smoothing;
};

template <class T>
void forward(const T* x, const Goal<T>& goal, std::int64_t samples, double* kept, T* y) {
  const std::int64_t n = goal.classes;
  const auto& kernels = kernels_of<T>().softmax;
  double *const max = kept + max_row * samples, *const log_sum = kept + log_sum_row * samples;
  double* const weight = kept + weight_row * samples;
  parallel::for_blocks(samples, exponential_row_block(n), [&](std::int64_t begin, std::int64_t end) {
    T* const q = parallel::scratch<T>(targets_slot, n);
    kernels.statistics(x + begin * n, end - begin, n, max + begin, log_sum + begin);
    for (std::int64_t i = begin; i < end; ++i) {
      const T* const row = x + i * n;
      weight[i] = 0;
      y[i] = T(0);
      if (!goal.counts(i)) continue;
      if (!goal.one_class()) {
        goal.fill(i, q);
        y[i] = static_cast<T>(-kernels.cross_entropy(row, q, n, max[i], log_sum[i], weight + i));
        continue;
      }
      weight[i] = goal.weight(goal.labels[i]);
      const double log_p = (static_cast<double>(row[goal.labels[i]]) - max[i]) - log_sum[i];
      if (weight[i] != 0) y[i] = static_cast<T>(-weight[i] * log_p);
    }
  });
}

// dx = dy (weight softmax(x) - q), row by row.
template <class T>
void backward(const T* x, const Goal<T>& goal, std::int64_t samples, const double* kept, const T* dy, T* dx) {
  const std::int64_t n = goal.classes;
  const auto& kernels = kernels_of<T>().softmax;
  const double *const max = kept + max_row * samples, *const log_sum = kept + log_sum_row * samples;
  const double* const weight = kept + weight_row * samples;
  parallel::for_blocks(samples, exponential_row_block(n), [&](std::int64_t begin, std::int64_t end) {
    T* const q = parallel::scratch<T>(targets_slot, n);
    for (std::int64_t i = begin; i < end; ++i) {
      T* const row = dx + i * n;
      if (!goal.counts(i) || (goal.one_class() && weight[i] == 0)) {  // also where a logit is not finite
        std::fill(row, row + n, T(0));
        continue;
      }
      const double up = static_cast<double>(dy[i]) * weight[i];
      kernels.softmax(x + i * n, row, 1, n, max + i, log_sum + i, static_cast<T>(up), T(0));
      if (goal.one_class()) {
        row[goal.labels[i]] -= static_cast<T>(up);
        continue;
      }
      goal.fill(i, q);
      kernels.add_target(q, -dy[i], row, n);
    }
  });
}

}  // namespace

Var cross_entropy_each(const Var& logits, const Tensor& targets, double smoothing, const Tensor& class_weights) {
  const std::int64_t samples = logits.dim(0), classes = logits.dim(1);
  Tensor kept({kept_rows, samples}, DType::f64);
  Tensor y({samples}, logits.dtype());
  dispatch(cross_entropy_op, logits.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Goal<T> goal(targets, smoothing, class_weights, classes);
    forward(logits.value().data<T>(), goal, samples, kept.mutable_data<double>(), y.mutable_data<T>());
  });
  return record(cross_entropy_op, {logits}, std::move(y),
                [x = Saved(logits.value()), targets = Saved(targets), weights = Saved(class_weights), kept, smoothing,
                 samples, classes](const Tensor& dy, InputGrads& dx) {
                  Tensor out(x->shape(), x->dtype());
                  dispatch(cross_entropy_op, dy.dtype(), [&](auto zero) {
                    using T = decltype(zero);
                    const Goal<T> goal(*targets, smoothing, *weights, classes);
                    backward(x->data<T>(), goal, samples, kept.data<double>(), dy.data<T>(), out.mutable_data<T>());
                  });
                  dx.add(0, std::move(out));
                });
}

}  // namespace ebb::detail
