/// \file
/// NAdam: Adam with Nesterov's momentum.
#pragma once

#include <optional>

#include "optim/elementwise.h"

namespace ebb {

/// Options of NAdam.
struct NAdamOptions {
  double lr = 2e-3;                            ///< Base learning rate.
  double beta1 = 0.9;                          ///< Of the mean of gradients; groups set it as their momentum.
  double beta2 = 0.999;                        ///< Of the mean of squared gradients.
  double eps = 1e-8;                           ///< Beside the root.
  double momentum_decay = 4e-3;                ///< psi: how fast mu_t approaches beta1.
  Schedule schedule = {};                      ///< Multiplies lr.
  Schedule momentum_schedule = {};             ///< Multiplies beta1.
  std::optional<Decay> decay = {};             ///< For groups that set none; unset: none.
  GradientOptions gradient = {};               ///< Clipping, accumulation and so on.
  std::optional<PlateauOptions> plateau = {};  ///< Reduce-on-plateau.
};

/// At update t, with mu_t = beta1 (1 - 0.96^(t psi) / 2) and m, v as in Adam:
///
///     u = ((1 - mu_t) g / (1 - prod_{i<=t} mu_i) + mu_{t+1} m / (1 - prod_{i<=t+1} mu_i))
///         / (sqrt(v / (1 - beta2^t)) + eps)
///
/// Dozat 2016 as in https://pytorch.org/docs/1.13/generated/torch.optim.NAdam.html (the foreach path of 1.13.1; its
/// other path applies mu twice in the product).
class NAdam : public ElementwiseOptimizer {
 public:
  /// \throws Error for settings that make no sense.
  NAdam(Groups groups, NAdamOptions options = {});

 protected:
  std::array<const char*, 3> state_names() const override;
  detail::BaseRule base_rule(const ParameterState& p, const StepContext& context) const override;
  UpdateModel response(std::size_t group, double momentum) const override;
  std::string settings() const override;
  void after_update(ParameterState& p, const StepContext& context) const override;

 private:
  double mu(double t, double beta1) const;

  double beta2_, eps_, psi_;
};

}  // namespace ebb
