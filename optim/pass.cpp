#include "optim/pass.h"

#include "framework/compute/blocks.h"
#include "framework/compute/instruction_set.h"
#include "framework/parallel/parallel.h"

namespace ebb::detail {
namespace {

// What both the writing and the reading passes need.
template <class T>
kernels::UpdateArguments<T> arguments(const ParameterState& p, const Tensor& gradient, const Step& step) {
  kernels::UpdateArguments<T> a;
  if (gradient.defined()) a.g = gradient.data<T>();
  if (p.start.defined()) a.target = p.start.data<T>();
  a.lr = static_cast<T>(step.context.lr);
  a.gradient_scale = static_cast<T>(step.gradient_scale);
  a.gradient_limit = static_cast<T>(step.gradient_limit);
  a.l2_gradient = static_cast<T>(step.terms.l2_gradient);
  a.l1_gradient = static_cast<T>(step.terms.l1_gradient);
  a.l2_update = static_cast<T>(step.terms.l2_update);
  a.shrink = static_cast<T>(step.terms.shrink);
  a.divide = static_cast<T>(step.terms.divide);
  a.threshold = static_cast<T>(step.terms.threshold);
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

double gradient_squares_pass(const ParameterState& p, const Tensor& gradient, const Step& step) {
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
