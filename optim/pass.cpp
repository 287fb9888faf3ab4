#include "optim/pass.h"

#include <algorithm>
#include <limits>

#include "framework/compute/basic.h"
#include "framework/compute/blocks.h"
#include "framework/compute/instruction_set.h"
#include "framework/parallel/parallel.h"

namespace ebb::detail {
namespace {

// A coefficient as a T: an infinite one would turn zeros to NaN.
template <class T>
T finite(double coefficient) {
  constexpr double largest = std::numeric_limits<T>::max();
  return static_cast<T>(std::clamp(coefficient, -largest, largest));
}

// What both the writing and the reading passes need.
template <class T>
kernels::UpdateArguments<T> arguments(const ParameterState& p, const Tensor& gradient, const Step& step) {
  kernels::UpdateArguments<T> a;
  if (gradient.defined()) a.g = gradient.data<T>();
  if (p.start.defined()) a.target = p.start.data<T>();
  a.lr = finite<T>(step.context.lr);
  a.gradient_scale = finite<T>(step.gradient_scale);
  // A limit is none where it rounds to 0.
  if (step.gradient_limit > 0)
    a.gradient_limit = std::max(finite<T>(step.gradient_limit), std::numeric_limits<T>::min());
  a.l2_gradient = finite<T>(step.terms.l2_gradient);
  a.l1_gradient = finite<T>(step.terms.l1_gradient);
  a.l2_update = finite<T>(step.terms.l2_update);
  a.shrink = finite<T>(step.terms.shrink);
  a.divide = finite<T>(step.terms.divide);
  a.threshold = finite<T>(step.terms.threshold);
  a.cautious = step.terms.cautious;
  return a;
}

template <class T>
void set_base(kernels::UpdateArguments<T>& a, const BaseRule& base) {
  for (std::size_t k = 0; k < base.c.size(); ++k) a.c[k] = static_cast<T>(base.c[k]);
}

// Kernels that only read take the same arguments; they never write through these pointers.
template <class T>
T* to_read(const Tensor& tensor) {
  return const_cast<T*>(tensor.data<T>());
}

}  // namespace

void update_pass(ParameterState& p, const Tensor& gradient, const Step& step, const BaseRule& base, Tensor* out) {
  Tensor& w = p.parameter->value();
  dispatch("optimizer step", w.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::UpdateArguments<T> a = arguments<T>(p, gradient, step);
    set_base(a, base);
    if (out == nullptr) a.w = w.mutable_data<T>();
    else a.w = to_read<T>(w), a.out = out->mutable_data<T>();
    for (std::size_t k = 0; k < p.s.size(); ++k)
      if (p.s[k].defined()) a.s[k] = p.s[k].mutable_data<T>();
    const auto kernel = kernels_of<T>().update.step;
    parallel::for_blocks(w.size(), elementwise_block,
                         [&](std::int64_t begin, std::int64_t end) { kernel(base.rule, a, begin, end); });
  });
}

void given_pass(ParameterState& p, const Step& step, const Tensor& u) {
  Tensor& w = p.parameter->value();
  dispatch("optimizer step", w.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::UpdateArguments<T> a = arguments<T>(p, Tensor(), step);
    a.w = w.mutable_data<T>();
    a.s[0] = to_read<T>(u);
    const auto kernel = kernels_of<T>().update.step;
    parallel::for_blocks(w.size(), elementwise_block, [&](std::int64_t begin, std::int64_t end) {
      kernel(kernels::UpdateRule::given, a, begin, end);
    });
  });
}

double second_moment_pass(ParameterState& p, const Tensor& gradient, const Step& step, const BaseRule& base) {
  const Tensor& w = p.parameter->value();
  return dispatch("optimizer step", w.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::UpdateArguments<T> a = arguments<T>(p, gradient, step);
    set_base(a, base);
    a.w = to_read<T>(w);
    for (std::size_t k = 0; k < p.s.size(); ++k)
      if (p.s[k].defined()) a.s[k] = to_read<T>(p.s[k]);
    const auto kernel = kernels_of<T>().update.second_moment;
    return parallel::sum_blocks(w.size(), elementwise_block,
                                [&](std::int64_t begin, std::int64_t end) { return kernel(base.rule, a, begin, end); });
  });
}

double gradient_bound(const ParameterState& p, const Tensor& gradient, const Step& step) {
  const double own = step.gradient_scale * max_abs(gradient) + step.terms.l1_gradient;
  if (step.terms.l2_gradient == 0) return own;
  return own + step.terms.l2_gradient * (max_abs(p.parameter->value()) + (p.start.defined() ? max_abs(p.start) : 0));
}

double gradient_squares_pass(const ParameterState& p, const Tensor& gradient, Step step, double divisor) {
  step.gradient_scale /= divisor;
  step.gradient_limit /= divisor;
  step.terms.l2_gradient /= divisor;
  step.terms.l1_gradient /= divisor;
  const Tensor& w = p.parameter->value();
  return dispatch("gradient clipping", w.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::UpdateArguments<T> a = arguments<T>(p, gradient, step);
    a.w = to_read<T>(w);
    const auto kernel = kernels_of<T>().update.gradient_squares;
    return parallel::sum_blocks(w.size(), elementwise_block,
                                [&](std::int64_t begin, std::int64_t end) { return kernel(a, begin, end); });
  });
}

}  // namespace ebb::detail
