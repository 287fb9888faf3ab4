#include "optim/rmsprop.h"

#include <cmath>
#include <limits>

#include "framework/tensor/error.h"
#include "optim/common.h"

namespace ebb {

RmsProp::RmsProp(Groups groups, RmsPropOptions options)
    : ElementwiseOptimizer("rmsprop", std::move(groups), detail::common(options, options.momentum)),
      alpha_(options.alpha),
      eps_(options.eps),
      centered_(options.centered),
      has_momentum_(options.momentum != 0) {
  detail::require_share("rmsprop", "alpha", alpha_);
  detail::require_positive_or_zero("rmsprop", "eps", eps_);
  for (const Group& group : this->groups()) has_momentum_ = has_momentum_ || group.options.momentum.value_or(0) != 0;
}

std::array<const char*, 3> RmsProp::state_names() const {
  return {"second_moment", centered_ ? "first_moment" : nullptr, has_momentum_ ? "momentum" : nullptr};
}

detail::BaseRule RmsProp::base_rule(const ParameterState& p, const StepContext& context) const {
  // What rounding may leave of v - a^2, as a share of v: both forget an error after 1 / (1 - alpha) updates only.
  const bool single = p.parameter->value().dtype() == DType::f32;
  const double epsilon = single ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
  return detail::RmsRule{.alpha = alpha_,
                         .eps = eps_,
                         .least_share = epsilon / (1 - alpha_),
                         .centered = centered_,
                         .has_momentum = has_momentum_,
                         .momentum = context.momentum};
}

UpdateModel RmsProp::response(std::size_t /*group*/, double momentum) const {
  return filtered(UpdateModel::Kind::normalised, 0, 1, momentum, 1);
}

std::string RmsProp::settings() const { return text("alpha ", alpha_, ", eps ", eps_, centered_ ? ", centered" : ""); }

}  // namespace ebb
