/// \file
/// LARS: SGD with a learning rate of its own for every layer.
#pragma once

#include <optional>

#include "optim/elementwise.h"

namespace ebb {

/// Options of Lars.
struct LarsOptions {
  double lr = 0.1;                             ///< Base learning rate.
  double momentum = 0.9;                       ///< mu.
  double trust = 1e-3;                         ///< Trust coefficient.
  double eps = 1e-8;                           ///< Beside the denominator of the ratio.
  Schedule schedule = {};                      ///< Multiplies lr.
  Schedule momentum_schedule = {};             ///< Multiplies momentum.
  std::optional<Decay> decay = {};             ///< For groups that set none; unset: none.
  GradientOptions gradient = {};               ///< Clipping, accumulation and so on.
  std::optional<PlateauOptions> plateau = {};  ///< Reduce-on-plateau.
};

/// With gradient g, and lambda of coupled_l2 or update_l2 (both join before the ratio, as the paper has it):
///
///     r = trust |w| / (|g| + lambda |w| + eps)     for weights and embeddings with |w|, |g| > 0; else 1
///     b = mu b + r (g + lambda w);  u = b
///
/// The lr stays outside the buffer. You, Gitman & Ginsburg 2017, https://arxiv.org/abs/1708.03888. The decoupled kinds
/// stand beside the update, untouched by r.
class Lars : public ElementwiseOptimizer {
 public:
  /// \throws Error for settings that make no sense.
  Lars(Groups groups, LarsOptions options = {});

 protected:
  std::array<const char*, 3> state_names() const override { return {"momentum"}; }
  detail::BaseRule base_rule(const ParameterState& p, const StepContext& context) const override;
  void update(ParameterState& p, const Step& step) override;
  std::string settings() const override;

 private:
  double trust_, eps_;
};

}  // namespace ebb
