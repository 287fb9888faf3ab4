#include "optim/adam.h"

#include <cmath>

#include "framework/tensor/error.h"
#include "optim/common.h"

namespace ebb {
namespace {

AdamOptions with_decay(AdamOptions options) {
  if (!options.decay) options.decay = decoupled_lr(0.01);
  return options;
}

}  // namespace

Adam::Adam(Groups groups, AdamOptions options) : Adam("adam", std::move(groups), std::move(options)) {}

Adam::Adam(const char* name, Groups groups, AdamOptions options)
    : ElementwiseOptimizer(name, std::move(groups), detail::common(options, options.beta1), options.projection),
      beta2_(options.beta2),
      eps_(options.eps),
      amsgrad_(options.amsgrad) {
  detail::require_share(name, "beta2", beta2_);
  detail::require_positive_or_zero(name, "eps", eps_);
}

std::array<const char*, 3> Adam::state_names() const {
  return {"first_moment", "second_moment", amsgrad_ ? "largest_second_moment" : nullptr};
}

detail::BaseRule Adam::base_rule(const ParameterState& p, const StepContext& context) const {
  const double t = static_cast<double>(p.updates + 1), beta1 = context.momentum;
  const double first = 1 / (1 - std::pow(beta1, t)), second = 1 / (1 - std::pow(beta2_, t));
  return detail::MomentsRule{.beta1 = beta1,
                             .beta2 = beta2_,
                             .of_mean = first,
                             .of_squares = second,
                             .eps = eps_,
                             .largest = amsgrad_,
                             .v_hat = second};
}

UpdateModel Adam::response(std::size_t /*group*/, double beta1) const {
  if (amsgrad_ || projects()) return {};
  return filtered(UpdateModel::Kind::normalised, 0, 1, beta1, 1 - beta1);
}

std::string Adam::settings() const { return text("beta2 ", beta2_, ", eps ", eps_, amsgrad_ ? ", amsgrad" : ""); }

AdamW::AdamW(Groups groups, AdamOptions options) : Adam("adamw", std::move(groups), with_decay(std::move(options))) {}

}  // namespace ebb
