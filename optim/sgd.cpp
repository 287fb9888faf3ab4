#include "optim/sgd.h"

#include <algorithm>

#include "framework/tensor/error.h"
#include "optim/common.h"

namespace ebb {
namespace {

SgdOptions with_decay(const Groups& groups, SgdOptions options) {
  const auto unset = std::find_if(groups.list().begin(), groups.list().end(),
                                  [](const Group& group) { return !group.options.decay.has_value(); });
  if (!options.decay && unset != groups.list().end())
    fail("sgdw", text("no decay for group \"", unset->name, '"'), "a kind and a lambda",
         "set .decay = decoupled_lr(lambda), or use Sgd");
  return options;
}

}  // namespace

Sgd::Sgd(Groups groups, SgdOptions options) : Sgd("sgd", std::move(groups), std::move(options)) {}

Sgd::Sgd(const char* name, Groups groups, SgdOptions options)
    : ElementwiseOptimizer(name, groups, detail::common(options, options.momentum), options.projection),
      has_momentum_(options.momentum != 0),
      dampening_(options.dampening),
      nesterov_(options.nesterov) {
  for (const Group& group : this->groups()) has_momentum_ = has_momentum_ || group.options.momentum.value_or(0) != 0;
  if (!(dampening_ >= 0 && dampening_ <= 1)) fail(name, text("dampening = ", dampening_), "a number from 0 to 1");
  if (nesterov_ && (!has_momentum_ || dampening_ != 0))
    fail(name, "nesterov without momentum or with dampening", "momentum > 0 and no dampening");
}

std::array<const char*, 3> Sgd::state_names() const {
  if (!has_momentum_) return {};
  return {"momentum"};
}

detail::BaseRule Sgd::base_rule(const ParameterState& p, const StepContext& context) const {
  if (!has_momentum_) return {};
  const double mu = context.momentum;
  detail::MomentumRule rule{.keep = mu, .take = p.updates == 0 ? 1 : 1 - dampening_};
  if (nesterov_) rule.of_gradient = 1, rule.of_momentum = mu;
  return rule;
}

UpdateModel Sgd::response(std::size_t /*group*/, double mu) const {
  if (projects()) return {};
  if (!has_momentum_) return {.kind = UpdateModel::Kind::linear, .direct = 1, .gain = 0};
  UpdateModel model = filtered(UpdateModel::Kind::linear, nesterov_ ? 1 : 0, nesterov_ ? mu : 1, mu, 1 - dampening_);
  model.first_gain = nesterov_ ? mu : 1;
  return model;
}

std::string Sgd::settings() const { return text("dampening ", dampening_, nesterov_ ? ", nesterov" : ""); }

SgdW::SgdW(Groups groups, SgdOptions options) : Sgd("sgdw", groups, with_decay(groups, options)) {}

}  // namespace ebb
