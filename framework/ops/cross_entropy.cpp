#include <algorithm>

#include "framework/ops/arithmetic.h"
#include "framework/ops/cross_entropy_each.h"
#include "framework/ops/loss_parts.h"

namespace ebb {
namespace {

double weight_at(const Tensor& class_weights, std::int64_t c) {
  return class_weights.dtype() == DType::f32 ? static_cast<double>(class_weights.data<float>()[c])
                                             : class_weights.data<double>()[c];
}

void require_arguments(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& options) {
  require_defined(detail::cross_entropy_op, "tensor of logits", logits);
  require_defined(detail::cross_entropy_op, "tensor of targets", targets);
  if (!is_float(logits.dtype())) fail(detail::cross_entropy_op, text("logits of type ", logits.dtype()), "f32 or f64");
  if (logits.rank() != 2 || logits.dim(0) == 0 || logits.dim(1) == 0)
    fail(detail::cross_entropy_op, text("logits of shape ", logits.shape()), "[samples, classes], at least one of each",
         "flatten the model's output with reshape()");
  if (!(options.label_smoothing >= 0 && options.label_smoothing < 1))
    fail(detail::cross_entropy_op, text("label_smoothing = ", options.label_smoothing), "at least 0 and below 1");
  if (is_float(targets.dtype())) {
    if (!(targets.shape() == logits.shape()) || targets.dtype() != logits.dtype())
      fail(detail::cross_entropy_op,
           text("targets ", targets.shape(), ' ', targets.dtype(), " for logits ", logits.shape(), ' ', logits.dtype()),
           "soft targets of the shape and type of the logits, or class indices of type i64",
           "convert class indices with cast(targets, DType::i64)");
  } else if (!(targets.shape() == Shape{logits.dim(0)})) {
    fail(detail::cross_entropy_op, text("class indices of shape ", targets.shape(), " for logits ", logits.shape()),
         text('[', logits.dim(0), "], one for each sample"));
  }
  if (options.ignore_index && is_float(targets.dtype()))
    fail(detail::cross_entropy_op, text("ignore_index = ", *options.ignore_index, " with soft targets"),
         "class indices", "give a sample that does not count targets of 0");
  if (!options.class_weights.defined()) return;
  require_same_dtype(detail::cross_entropy_op, logits, options.class_weights);
  if (!(options.class_weights.shape() == Shape{logits.dim(1)}))
    fail(detail::cross_entropy_op,
         text("class_weights of shape ", options.class_weights.shape(), " for logits ", logits.shape()),
         text('[', logits.dim(1), "], one for each class"));
  detail::require_weights(detail::cross_entropy_op, "class_weights", options.class_weights);
}

// Class indices as i64, checked, and detail::ignored where they are `ignore`.
struct Classes {
  Tensor indices;
  bool all = true;  // whether none is ignored
};

// Shares the numbers of i64 indices that all count.
Classes class_indices(const Tensor& targets, std::int64_t classes, std::optional<std::int64_t> ignore) {
  Classes out;
  dispatch_all(detail::cross_entropy_op, targets.dtype(), [&](auto zero) {
    using L = decltype(zero);
    const L* const from = targets.data<L>();
    for (std::int64_t i = 0; i < targets.size(); ++i) {
      const auto label = static_cast<std::int64_t>(from[i]);
      if (label == ignore) out.all = false;
      else if (label < 0 || label >= classes)
        fail(detail::cross_entropy_op, text("class ", label, " at position ", i), text("0 to ", classes - 1),
             "check the labels, and the number of outputs of the model; ignore_index leaves samples out");
    }
    if (out.all && targets.dtype() == DType::i64) {
      out.indices = targets;
      return;
    }
    out.indices = Tensor(targets.shape(), DType::i64);
    std::int64_t* const to = out.indices.mutable_data<std::int64_t>();
    for (std::int64_t i = 0; i < targets.size(); ++i) {
      const auto label = static_cast<std::int64_t>(from[i]);
      to[i] = label == ignore ? detail::ignored : label;
    }
  });
  return out;
}

// -sum of q log p over the classes of one row, where q = (1 - smoothing) target + smoothing / classes.
template <class T>
double row_loss(const T* x, std::int64_t n, const T* soft, std::int64_t label, double smoothing, double max,
                double log_sum, double* weight) {
  const auto& kernels = kernels_of<T>().softmax;
  double hard = 0;
  *weight = 1;
  if (soft != nullptr) hard = kernels.cross_entropy(x, soft, n, max, log_sum, weight);
  else hard = (static_cast<double>(x[label]) - max) - log_sum;
  *weight = (1 - smoothing) * *weight + smoothing;
  if (smoothing == 0) return -hard;
  double all = 0;
  const double even = kernels.cross_entropy(x, nullptr, n, max, log_sum, &all);
  return -((1 - smoothing) * hard + smoothing * even / all);
}

template <class T>
double forward(const Tensor& logits, const Tensor& targets, double smoothing, Tensor& kept) {
  const std::int64_t samples = logits.dim(0), n = logits.dim(1);
  const bool soft = is_float(targets.dtype());
  const T* const x = logits.data<T>();
  const T* const goal = soft ? targets.data<T>() : nullptr;
  const std::int64_t* const labels = soft ? nullptr : targets.data<std::int64_t>();
  double* const k = kept.mutable_data<double>();
  return parallel::sum_blocks(samples, exponential_row_block(n), [&](std::int64_t begin, std::int64_t end) {
    double* const max = k + detail::max_row * samples;
    double* const log_sum = k + detail::log_sum_row * samples;
    kernels_of<T>().softmax.statistics(x + begin * n, end - begin, n, max + begin, log_sum + begin);
    double total = 0;
    for (std::int64_t i = begin; i < end; ++i)
      total += row_loss(x + i * n, n, soft ? goal + i * n : nullptr, soft ? 0 : labels[i], smoothing, max[i],
                        log_sum[i], k + detail::weight_row * samples + i);
    return total;
  });
}

// dx = factor (weight softmax(x) - q).
template <class T>
Tensor backward(const Tensor& logits, const Tensor& targets, double smoothing, const Tensor& kept, double factor) {
  const std::int64_t samples = logits.dim(0), n = logits.dim(1);
  const bool soft = is_float(targets.dtype());
  const auto& kernels = kernels_of<T>().softmax;
  const T* const x = logits.data<T>();
  const T* const goal = soft ? targets.data<T>() : nullptr;
  const std::int64_t* const labels = soft ? nullptr : targets.data<std::int64_t>();
  const double* const k = kept.data<double>();
  const T even = static_cast<T>(-factor * smoothing / static_cast<double>(n));
  const T share = static_cast<T>(-factor * (1 - smoothing));
  Tensor out(logits.shape(), logits.dtype());
  T* const dx = out.mutable_data<T>();
  parallel::for_blocks(samples, exponential_row_block(n), [&](std::int64_t begin, std::int64_t end) {
    const double* const max = k + detail::max_row * samples;
    const double* const log_sum = k + detail::log_sum_row * samples;
    if (!soft) {
      kernels.softmax(x + begin * n, dx + begin * n, end - begin, n, max + begin, log_sum + begin,
                      static_cast<T>(factor), even);
      for (std::int64_t i = begin; i < end; ++i) dx[i * n + labels[i]] += share;
      return;
    }
    for (std::int64_t i = begin; i < end; ++i) {
      kernels.softmax(x + i * n, dx + i * n, 1, n, max + i, log_sum + i,
                      static_cast<T>(factor * k[detail::weight_row * samples + i]), even);
      kernels.add_target(goal + i * n, share, dx + i * n, n);
    }
  });
  return out;
}

// What the mean divides by: class weights of the samples that count, or their number.
double counted(const Tensor& goal, const Tensor& class_weights) {
  if (is_float(goal.dtype())) return static_cast<double>(goal.dim(0));
  double total = 0;
  for (const std::int64_t label : goal.span<std::int64_t>())
    if (label != detail::ignored) total += class_weights.defined() ? weight_at(class_weights, label) : 1.0;
  return total;
}

}  // namespace

Var softmax_cross_entropy(const Var& logits, const Tensor& targets, const CrossEntropyOptions& options) {
  require_arguments(logits.value(), targets, options);
  const std::int64_t samples = logits.dim(0);
  const double smoothing = options.label_smoothing;
  const Classes classes =
      is_float(targets.dtype()) ? Classes{targets} : class_indices(targets, logits.dim(1), options.ignore_index);
  const Tensor& goal = classes.indices;
  if (!classes.all || options.class_weights.defined() || options.reduction == Reduction::none) {
    const Var each = detail::cross_entropy_each(logits, goal, smoothing, options.class_weights);
    if (options.reduction == Reduction::none) return each;
    if (options.reduction == Reduction::sum) return sum(each);
    const double total = counted(goal, options.class_weights);
    return sum(each) * (total > 0 ? 1 / total : 0.0);
  }
  const double weight = options.reduction == Reduction::mean ? 1 / static_cast<double>(samples) : 1.0;
  Tensor kept({detail::kept_rows, samples}, DType::f64);
  Tensor loss = dispatch(detail::cross_entropy_op, logits.dtype(), [&](auto zero) {
    const double total = forward<decltype(zero)>(logits.value(), goal, smoothing, kept);
    return Tensor::scalar(weight * total, logits.dtype());
  });
  return record(
      detail::cross_entropy_op, {logits}, std::move(loss),
      [x = Saved(logits.value()), goal = Saved(goal), kept, smoothing, weight](const Tensor& dy, InputGrads& dx) {
        dx.add(0, dispatch(detail::cross_entropy_op, dy.dtype(), [&](auto zero) {
                 return backward<decltype(zero)>(*x, *goal, smoothing, kept, weight * dy.item());
               }));
      });
}

}  // namespace ebb
