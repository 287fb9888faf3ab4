/// \file
/// Base of the optimizers whose update of a number depends on that number's gradient and state alone: one fused pass
/// per parameter.
#pragma once

#include <optional>

#include "optim/optimizer.h"
#include "optim/pass.h"

namespace ebb {

/// SGDP and AdamP: takes the radial part out of the update of parameters that look scale-invariant: those of rank 2 or
/// more whose gradient is nearly orthogonal to them and not zero, per output channel or else as a whole.
/// Heo et al. 2021, https://arxiv.org/abs/2006.08217, and their code.
struct Projection {
  double delta = 0.1;     ///< Orthogonal means: max |cos(w, g)| < delta / sqrt(values of a channel).
  double wd_ratio = 0.1;  ///< Multiplies shrink where the update was projected.
};

/// Provides the fused passes; a subclass only says which rule and which coefficients.
class ElementwiseOptimizer : public Optimizer {
 protected:
  /// As Optimizer, with the projection, if wanted.
  ElementwiseOptimizer(std::string name, Groups groups, CommonOptions common,
                       std::optional<Projection> projection = {});

  /// The rule and its coefficients for the update of `p`, its p.updates + 1 th.
  virtual detail::BaseRule base_rule(const ParameterState& p, const StepContext& context) const = 0;

  /// Called once after each update, to advance ParameterState::product.
  virtual void after_update(ParameterState& /*p*/, const StepContext& /*context*/) const {}

  void update(ParameterState& p, const Step& step) override;
  double second_moment(ParameterState& p, const Step& step) override;

  /// Whether updates are projected: they are then no function of the gradients alone.
  bool projects() const { return projection_.has_value(); }

  /// The base update as a tensor, l2_update in it, with the state advanced: for optimizers that look at it as a whole.
  Tensor computed_update(ParameterState& p, const Step& step);

 private:
  std::optional<Projection> projection_;
};

}  // namespace ebb
