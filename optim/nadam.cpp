#include "optim/nadam.h"

#include <cmath>

#include "framework/tensor/error.h"
#include "optim/common.h"

namespace ebb {

NAdam::NAdam(Groups groups, NAdamOptions options)
    : ElementwiseOptimizer("nadam", std::move(groups), detail::common(options, options.beta1)),
      beta2_(options.beta2),
      eps_(options.eps),
      psi_(options.momentum_decay) {
  detail::require_share("nadam", "beta2", beta2_);
  detail::require_positive_or_zero("nadam", "eps", eps_);
  detail::require_positive_or_zero("nadam", "momentum_decay", psi_);
}

std::array<const char*, 3> NAdam::state_names() const { return {"first_moment", "second_moment"}; }

double NAdam::mu(double t, double beta1) const { return beta1 * (1 - 0.5 * std::pow(0.96, t * psi_)); }

detail::BaseRule NAdam::base_rule(const ParameterState& p, const StepContext& context) const {
  const double t = static_cast<double>(p.updates + 1), beta1 = context.momentum;
  const double now = mu(t, beta1), next = mu(t + 1, beta1), product = p.product * now;
  const double second = 1 / (1 - std::pow(beta2_, t));
  return detail::MomentsRule{.beta1 = beta1,
                             .beta2 = beta2_,
                             .of_gradient = (1 - now) / (1 - product),
                             .of_mean = next / (1 - product * next),
                             .of_squares = second,
                             .eps = eps_,
                             .v_hat = second};
}

// mu(t) has come close to beta1 after some hundred steps.
UpdateModel NAdam::response(std::size_t /*group*/, double beta1) const {
  return filtered(UpdateModel::Kind::normalised, 1 - beta1, beta1, beta1, 1 - beta1);
}

std::string NAdam::settings() const { return text("beta2 ", beta2_, ", eps ", eps_, ", momentum_decay ", psi_); }

void NAdam::after_update(ParameterState& p, const StepContext& context) const {
  p.product *= mu(static_cast<double>(p.updates + 1), context.momentum);
}

}  // namespace ebb
