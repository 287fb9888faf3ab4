#include "optim/adagrad.h"

#include <cmath>

#include "framework/tensor/error.h"
#include "optim/common.h"

namespace ebb {

Adagrad::Adagrad(Groups groups, AdagradOptions options)
    : ElementwiseOptimizer("adagrad", std::move(groups), detail::common(options)),
      lr_decay_(options.lr_decay),
      initial_(options.initial),
      eps_(options.eps) {
  detail::require_positive_or_zero("adagrad", "lr_decay", lr_decay_);
  detail::require_positive_or_zero("adagrad", "initial", initial_);
  detail::require_positive_or_zero("adagrad", "eps", eps_);
}

std::array<const char*, 3> Adagrad::state_names() const { return {"sum_of_squares"}; }

Tensor Adagrad::initial_state(const ParameterState& p, std::size_t) const {
  return Tensor::full(p.parameter->shape(), initial_, p.parameter->value().dtype());
}

detail::BaseRule Adagrad::base_rule(const ParameterState& p, const StepContext&) const {
  return detail::AdagradRule{.of_gradient = 1 / (1 + static_cast<double>(p.updates) * lr_decay_), .eps = eps_};
}

std::string Adagrad::settings() const { return text("lr_decay ", lr_decay_, ", initial ", initial_, ", eps ", eps_); }

}  // namespace ebb
