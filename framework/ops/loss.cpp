#include "framework/ops/loss.h"

#include "framework/compute/blocks.h"
#include "framework/compute/instruction_set.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

void require_pair(const char* op, const Tensor& a, const Tensor& b) {
  require_defined(op, "input", a);
  require_defined(op, "target", b);
  if (!is_float(a.dtype())) fail(op, text("an input of type ", a.dtype()), "f32 or f64", "convert it with cast()");
  require_same_shape(op, a, b);
  require_same_dtype(op, a, b);
  if (a.size() == 0) fail(op, text("an input of shape ", a.shape()), "at least one element");
}

double weight_of(Reduction reduction, const Tensor& x) {
  return reduction == Reduction::mean ? 1 / static_cast<double>(x.size()) : 1.0;
}

// Sum of kernel(a, b, n) over blocks.
template <class T, class Kernel>
double summed(const Tensor& a, const Tensor& b, std::int64_t block, Kernel kernel) {
  const T* const p = a.data<T>();
  const T* const q = b.data<T>();
  return parallel::sum_blocks(
      a.size(), block, [&](std::int64_t begin, std::int64_t end) { return kernel(p + begin, q + begin, end - begin); });
}

// y = kernel(a, b, factor) in blocks.
template <class T, class Kernel>
Tensor mapped(const Tensor& a, const Tensor& b, double factor, std::int64_t block, Kernel kernel) {
  Tensor y(a.shape(), a.dtype());
  const T* const p = a.data<T>();
  const T* const q = b.data<T>();
  T* const to = y.mutable_data<T>();
  parallel::for_blocks(a.size(), block, [&](std::int64_t begin, std::int64_t end) {
    kernel(p + begin, q + begin, static_cast<T>(factor), to + begin, end - begin);
  });
  return y;
}

}  // namespace

Var mse_loss(const Var& prediction, const Var& target, Reduction reduction) {
  constexpr const char* op = "mse_loss";
  require_pair(op, prediction.value(), target.value());
  const double weight = weight_of(reduction, prediction.value());
  Tensor loss = dispatch(op, prediction.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const double sum =
        summed<T>(prediction.value(), target.value(), elementwise_block, kernels_of<T>().softmax.squared_error);
    return Tensor::scalar(weight * sum, prediction.dtype());
  });
  return record(op, {prediction, target}, std::move(loss),
                [p = Saved(prediction.value()), t = Saved(target.value()), weight](const Tensor& dy, InputGrads& dx) {
                  for (int input = 0; input < 2; ++input) {
                    if (!dx.wants(input)) continue;
                    const double factor = (input == 0 ? 2 : -2) * weight * dy.item();
                    dx.add(input, dispatch(op, dy.dtype(), [&](auto zero) {
                             using T = decltype(zero);
                             return mapped<T>(*p, *t, factor, elementwise_block, kernels_of<T>().softmax.difference);
                           }));
                  }
                });
}

Var binary_cross_entropy_with_logits(const Var& logits, const Tensor& targets, Reduction reduction) {
  constexpr const char* op = "binary_cross_entropy_with_logits";
  constexpr std::int64_t block = elementwise_block / 8;  // exponentials cost more than plain arithmetic
  require_pair(op, logits.value(), targets);
  const double weight = weight_of(reduction, logits.value());
  Tensor loss = dispatch(op, logits.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const double sum = summed<T>(logits.value(), targets, block, kernels_of<T>().softmax.binary_cross_entropy);
    return Tensor::scalar(weight * sum, logits.dtype());
  });
  return record(op, {logits}, std::move(loss),
                [x = Saved(logits.value()), t = Saved(targets), weight](const Tensor& dy, InputGrads& dx) {
                  dx.add(0, dispatch(op, dy.dtype(), [&](auto zero) {
                           using T = decltype(zero);
                           return mapped<T>(*x, *t, weight * dy.item(), block,
                                            kernels_of<T>().softmax.binary_cross_entropy_backward);
                         }));
                });
}

}  // namespace ebb
