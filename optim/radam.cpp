#include "optim/radam.h"

#include <cmath>

#include "framework/tensor/error.h"
#include "optim/common.h"

namespace ebb {

RAdam::RAdam(Groups groups, RAdamOptions options)
    : ElementwiseOptimizer("radam", std::move(groups), detail::common(options, options.beta1)),
      beta2_(options.beta2),
      eps_(options.eps) {
  detail::require_share("radam", "beta2", beta2_);
  detail::require_positive_or_zero("radam", "eps", eps_);
}

std::array<const char*, 3> RAdam::state_names() const { return {"first_moment", "second_moment"}; }

double RAdam::rho(double t) const {
  const double power = std::pow(beta2_, t);
  return 2 / (1 - beta2_) - 1 - 2 * t * power / (1 - power);
}

detail::BaseRule RAdam::base_rule(const ParameterState& p, const StepContext& context) const {
  const double t = static_cast<double>(p.updates + 1), beta1 = context.momentum;
  const double first = 1 / (1 - std::pow(beta1, t)), second = 1 - std::pow(beta2_, t);
  const double rho_inf = 2 / (1 - beta2_) - 1, now = rho(t);
  detail::MomentsRule rule{.beta1 = beta1, .beta2 = beta2_, .of_mean = first, .v_hat = 1 / second};
  if (now > 5) {
    const double r = std::sqrt((now - 4) * (now - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * now));
    rule.of_mean = first * r * std::sqrt(second);
    rule.eps = eps_;
  } else {  // the mean alone: nothing stands under the root, and 1 beside it
    rule.of_squares = 0;
    rule.eps = 1;
  }
  return rule;
}

double RAdam::second_moment(ParameterState& p, const Step& step) {
  return rho(static_cast<double>(p.updates + 1)) > 5 ? ElementwiseOptimizer::second_moment(p, step)
                                                     : Optimizer::second_moment(p, step);
}

UpdateModel RAdam::response(std::size_t /*group*/, double beta1) const {
  return filtered(UpdateModel::Kind::normalised, 0, 1, beta1, 1 - beta1);
}

std::string RAdam::settings() const { return text("beta2 ", beta2_, ", eps ", eps_); }

}  // namespace ebb
