#include "optim/muon.h"

#include <algorithm>
#include <cmath>

#include "framework/compute/basic.h"
#include "framework/compute/gemm.h"
#include "framework/tensor/error.h"
#include "optim/common.h"

namespace ebb {
namespace {

bool listed(const MuonOptions& options, const std::string& group) {
  return std::find(options.adam_groups.begin(), options.adam_groups.end(), group) != options.adam_groups.end();
}

// The table with Adam's rate written into the groups that Adam updates, as a scale of Muon's.
Groups with_rates(const Groups& table, const MuonOptions& options) {
  detail::require_positive_or_zero("muon", "lr", options.lr);
  detail::require_positive_or_zero("muon", "adam_lr", options.adam_lr);
  if (options.lr == 0 && !options.adam_groups.empty())
    fail("muon", "lr = 0", "a positive lr", "scale the groups' rates instead");
  std::vector<Group> groups = table.list();
  for (const std::string& name : options.adam_groups)
    if (std::none_of(groups.begin(), groups.end(), [&](const Group& group) { return group.name == name; }))
      fail("muon", text("\"", name, "\" in adam_groups"), "the name of a group of the table");
  for (Group& group : groups) {
    if (listed(options, group.name)) group.options.lr_scale *= options.adam_lr / options.lr;
    else
      for (const Member& member : group.members)
        if (member.parameter->shape().rank() < 2)
          fail("muon", text(member.path, " of shape ", member.parameter->shape(), " in group \"", group.name, '"'),
               "matrices and filters", "put it into a group that adam_groups lists");
  }
  return Groups(std::move(groups));
}

}  // namespace

Muon::Muon(Groups groups, MuonOptions options)
    : ElementwiseOptimizer("muon", with_rates(groups, options), detail::common(options, options.momentum)),
      nesterov_(options.nesterov),
      iterations_(options.iterations),
      beta2_(options.adam_beta2),
      eps_(options.adam_eps) {
  detail::require_share("muon", "adam_beta2", beta2_);
  detail::require_positive_or_zero("muon", "adam_eps", eps_);
  if (iterations_ < 1) fail("muon", text("iterations = ", iterations_), "1 or more");
  for (const Group& group : this->groups()) adam_.push_back(listed(options, group.name));
}

Tensor Muon::initial_state(const ParameterState& p, std::size_t k) const {
  return k == 1 && !adam_[p.group] ? Tensor() : ElementwiseOptimizer::initial_state(p, k);
}

detail::BaseRule Muon::base_rule(const ParameterState& p, const StepContext& context) const {
  const double mu = context.momentum;
  if (!adam_[p.group]) {
    detail::MomentumRule rule{.keep = mu, .take = 1 - mu};
    if (nesterov_) rule.of_gradient = 1 - mu, rule.of_momentum = mu;
    return rule;
  }
  const double t = static_cast<double>(p.updates + 1);
  const double first = 1 / (1 - std::pow(mu, t)), second = 1 / (1 - std::pow(beta2_, t));
  return detail::MomentsRule{
      .beta1 = mu, .beta2 = beta2_, .of_mean = first, .of_squares = second, .eps = eps_, .v_hat = second};
}

void Muon::update(ParameterState& p, const Step& step) {
  if (adam_[p.group]) return ElementwiseOptimizer::update(p, step);
  Step before = step;
  before.terms.l2_update = 0;
  const Tensor x = computed_update(p, before);
  const std::int64_t columns = x.dim(-1), rows = columns == 0 ? 0 : x.size() / columns;
  if (x.size() == 0) return;
  Tensor u = orthogonalized(x.reshape({rows, columns}), iterations_);
  scale(u, std::sqrt(std::max(1.0, static_cast<double>(columns) / static_cast<double>(rows))));
  apply(p, step, u.reshape(x.shape()));
}

UpdateModel Muon::response(std::size_t group, double mu) const {
  if (adam_.at(group)) return filtered(UpdateModel::Kind::normalised, 0, 1, mu, 1 - mu);
  return filtered(UpdateModel::Kind::orthogonal, nesterov_ ? 1 - mu : 0, nesterov_ ? mu : 1, mu, 1 - mu);
}

std::string Muon::settings() const {
  return text("iterations ", iterations_, nesterov_ ? ", nesterov" : "", ", adam_beta2 ", beta2_, ", adam_eps ", eps_);
}

Tensor orthogonalized(const Tensor& x, int iterations) {
  constexpr double a = 3.4445, b = -4.7750, c = 2.0315;
  Tensor y = x.clone();
  normalize(y);
  const bool tall = y.dim(0) > y.dim(1);  // the Gram matrix of the shorter side is smaller
  for (int i = 0; i < iterations; ++i) {
    const Tensor gram = matmul(y, tall, y, !tall);
    Tensor polynomial = matmul(gram, false, gram, false);
    scale(polynomial, c);
    axpy(b, gram, polynomial);
    Tensor next = tall ? matmul(y, false, polynomial, false) : matmul(polynomial, false, y, false);
    axpy(a, y, next);
    y = std::move(next);
  }
  return y;
}

}  // namespace ebb
