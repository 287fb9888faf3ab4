#include "optim/adadelta.h"

#include <cmath>

#include "framework/tensor/error.h"
#include "optim/common.h"

namespace ebb {

Adadelta::Adadelta(Groups groups, AdadeltaOptions options)
    : ElementwiseOptimizer("adadelta", std::move(groups), detail::common(options)),
      rho_(options.rho),
      eps_(options.eps) {
  detail::require_share("adadelta", "rho", rho_);
  detail::require_positive_or_zero("adadelta", "eps", eps_);
  if (eps_ == 0) fail("adadelta", "eps = 0", "a finite number > 0", "the first update is sqrt(eps) long");
}

std::array<const char*, 3> Adadelta::state_names() const { return {"second_moment", "update_moment"}; }

detail::BaseRule Adadelta::base_rule(const ParameterState&, const StepContext&) const {
  return detail::AdadeltaRule{.rho = rho_, .eps = eps_};
}

std::string Adadelta::settings() const { return text("rho ", rho_, ", eps ", eps_); }

}  // namespace ebb
