#include "optim/lion.h"

#include <cmath>

#include "framework/tensor/error.h"
#include "optim/common.h"

namespace ebb {

Lion::Lion(Groups groups, LionOptions options)
    : ElementwiseOptimizer("lion", std::move(groups), detail::common(options, options.beta1)), beta2_(options.beta2) {
  detail::require_share("lion", "beta2", beta2_);
}

std::array<const char*, 3> Lion::state_names() const { return {"momentum"}; }

detail::BaseRule Lion::base_rule(const ParameterState&, const StepContext& context) const {
  return detail::LionRule{.beta1 = context.momentum, .beta2 = beta2_};
}

// beta1 m_{t-1} + (1 - beta1) g_t, where m_{t-1} begins with (1 - beta2) g_{t-1}: the sum from k = 0 on has beta2 more.
UpdateModel Lion::response(std::size_t /*group*/, double beta1) const {
  if (beta2_ == 0) return {};
  const double share = beta1 / beta2_;
  return filtered(UpdateModel::Kind::sign, 1 - beta1 - share * (1 - beta2_), share, beta2_, 1 - beta2_);
}

std::string Lion::settings() const { return text("beta2 ", beta2_); }

}  // namespace ebb
