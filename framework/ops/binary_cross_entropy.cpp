#include <algorithm>

#include "framework/ops/loss_parts.h"

namespace ebb {
namespace {

constexpr const char* logistic = "binary_cross_entropy_with_logits";
constexpr std::int64_t logistic_block = elementwise_block / 8;  // exponentials cost more than plain arithmetic

// The positive targets' factors for the elements of one block, which is a whole number of last axes.
Tensor repeated_weights(const Tensor& pos_weight, const Tensor& logits) {
  const std::int64_t period = pos_weight.defined() ? pos_weight.size() : 1;
  Tensor out({std::max<std::int64_t>(1, logistic_block / period) * period}, logits.dtype());
  dispatch(logistic, logits.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const from = pos_weight.defined() ? pos_weight.data<T>() : nullptr;
    T* const to = out.mutable_data<T>();
    for (std::int64_t i = 0; i < out.size(); ++i) to[i] = from == nullptr ? T(1) : from[i % period];
  });
  return out;
}

void require_pos_weight(const Tensor& pos_weight, const Tensor& logits) {
  if (!pos_weight.defined()) return;
  require_same_dtype(logistic, pos_weight, logits);
  const std::int64_t last = logits.rank() == 0 ? 1 : logits.dim(-1);
  if (pos_weight.size() != 1 && !(pos_weight.shape() == Shape{last}))
    fail(logistic, text("pos_weight of shape ", pos_weight.shape(), " for logits ", logits.shape()),
         text('[', last, "], one for each of the last axis, or one number"));
  detail::require_weights(logistic, "pos_weight", pos_weight);
}

// One loss for each element.
Var logistic_each(const Var& logits, const Tensor& targets, const Tensor& pos_weight) {
  const Tensor weights = repeated_weights(pos_weight, logits.value());
  Tensor y(logits.shape(), logits.dtype());
  dispatch(logistic, logits.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *const x = logits.value().data<T>(), *const t = targets.data<T>(), *const w = weights.data<T>();
    T* const to = y.mutable_data<T>();
    parallel::for_blocks(y.size(), weights.size(), [&](std::int64_t begin, std::int64_t end) {
      kernels_of<T>().softmax.binary_cross_entropy_each(x + begin, t + begin, w, to + begin, end - begin);
    });
  });
  return record(logistic, {logits}, std::move(y),
                [x = Saved(logits.value()), t = Saved(targets), weights](const Tensor& dy, InputGrads& dx) {
                  Tensor out(x->shape(), x->dtype());
                  dispatch(logistic, dy.dtype(), [&](auto zero) {
                    using T = decltype(zero);
                    const T *const from = x->data<T>(), *const goal = t->data<T>(), *const w = weights.data<T>();
                    const T* const up = dy.data<T>();
                    T* const to = out.mutable_data<T>();
                    parallel::for_blocks(out.size(), weights.size(), [&](std::int64_t begin, std::int64_t end) {
                      kernels_of<T>().softmax.binary_cross_entropy_each_backward(from + begin, goal + begin, w,
                                                                                 up + begin, to + begin, end - begin);
                    });
                  });
                  dx.add(0, std::move(out));
                });
}

}  // namespace

Var binary_cross_entropy_with_logits(const Var& logits, const Tensor& targets,
                                     const BinaryCrossEntropyOptions& options) {
  detail::require_pair(logistic, logits.value(), targets);
  require_pos_weight(options.pos_weight, logits.value());
  if (options.pos_weight.defined() || options.reduction == Reduction::none)
    return detail::reduced(logistic_each(logits, targets, options.pos_weight), options.reduction);
  const double weight = detail::weight_of(options.reduction, logits.value());
  Tensor loss = dispatch(logistic, logits.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const double sum =
        detail::summed<T>(logits.value(), targets, logistic_block, kernels_of<T>().softmax.binary_cross_entropy);
    return Tensor::scalar(weight * sum, logits.dtype());
  });
  return record(logistic, {logits}, std::move(loss),
                [x = Saved(logits.value()), t = Saved(targets), weight](const Tensor& dy, InputGrads& dx) {
                  dx.add(0, dispatch(logistic, dy.dtype(), [&](auto zero) {
                           using T = decltype(zero);
                           return detail::mapped<T>(*x, *t, weight * dy.item(), logistic_block,
                                                    kernels_of<T>().softmax.binary_cross_entropy_backward);
                         }));
                });
}

}  // namespace ebb
