#include "framework/ops/arithmetic.h"
#include "framework/ops/loss_parts.h"

namespace ebb {

Var mse_loss(const Var& prediction, const Var& target, Reduction reduction) {
  constexpr const char* op = "mse_loss";
  detail::require_pair(op, prediction.value(), target.value());
  if (reduction == Reduction::none) return square(prediction - target);
  const double weight = detail::weight_of(reduction, prediction.value());
  Tensor loss = dispatch(op, prediction.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const double sum =
        detail::summed<T>(prediction.value(), target.value(), elementwise_block, kernels_of<T>().softmax.squared_error);
    return Tensor::scalar(weight * sum, prediction.dtype());
  });
  return record(op, {prediction, target}, std::move(loss),
                [p = Saved(prediction.value()), t = Saved(target.value()), weight](const Tensor& dy, InputGrads& dx) {
                  for (int input = 0; input < 2; ++input) {
                    if (!dx.wants(input)) continue;
                    const double factor = (input == 0 ? 2 : -2) * weight * dy.item();
                    dx.add(input, dispatch(op, dy.dtype(), [&](auto zero) {
                             using T = decltype(zero);
                             return detail::mapped<T>(*p, *t, factor, elementwise_block,
                                                      kernels_of<T>().softmax.difference);
                           }));
                  }
                });
}

}  // namespace ebb
