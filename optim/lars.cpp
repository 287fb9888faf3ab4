#include "optim/lars.h"

#include <cmath>

#include "framework/compute/basic.h"
#include "framework/compute/root_of_squares.h"
#include "framework/tensor/error.h"
#include "optim/common.h"

namespace ebb {

Lars::Lars(Groups groups, LarsOptions options)
    : ElementwiseOptimizer("lars", std::move(groups), detail::common(options, options.momentum)),
      trust_(options.trust),
      eps_(options.eps) {
  detail::require_positive_or_zero("lars", "trust", trust_);
  detail::require_positive_or_zero("lars", "eps", eps_);
}

detail::BaseRule Lars::base_rule(const ParameterState&, const StepContext& context) const {
  return detail::MomentumRule{.keep = context.momentum};
}

void Lars::update(ParameterState& p, const Step& step) {
  Step scaled = step;
  scaled.terms.l2_gradient += scaled.terms.l2_update;
  scaled.terms.l2_update = 0;
  const Role role = p.parameter->role();
  if (role == Role::weight || role == Role::embedding) {
    Step bare = step;
    bare.terms = {};
    const double w = norm(p.parameter->value());
    const Tensor gradient = gradient_of(p);
    const double g = root_of_squares(
        gradient.dtype(), [&](double divisor) { return detail::gradient_squares_pass(p, gradient, bare, divisor); },
        [&] { return detail::gradient_bound(p, gradient, bare); });
    if (w > 0 && g > 0) {
      const double ratio = trust_ * w / (g + scaled.terms.l2_gradient * w + eps_);
      scaled.gradient_scale *= ratio;
      scaled.gradient_limit *= ratio;
      scaled.terms.l2_gradient *= ratio;
      scaled.terms.l1_gradient *= ratio;
    }
  }
  ElementwiseOptimizer::update(p, scaled);
}

std::string Lars::settings() const { return text("trust ", trust_, ", eps ", eps_); }

}  // namespace ebb
