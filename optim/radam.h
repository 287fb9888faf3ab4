/// \file
/// RAdam: Adam that knows how little it knows of v at first.
#pragma once

#include <optional>

#include "optim/elementwise.h"

namespace ebb {

/// Options of RAdam.
struct RAdamOptions {
  double lr = 1e-3;                            ///< Base learning rate.
  double beta1 = 0.9;                          ///< Of the mean of gradients; groups set it as their momentum.
  double beta2 = 0.999;                        ///< Of the mean of squared gradients.
  double eps = 1e-8;                           ///< Beside the root of v, before bias correction.
  Schedule schedule = {};                      ///< Multiplies lr.
  Schedule momentum_schedule = {};             ///< Multiplies beta1.
  std::optional<Decay> decay = {};             ///< For groups that set none; unset: none.
  GradientOptions gradient = {};               ///< Clipping, accumulation and so on.
  std::optional<PlateauOptions> plateau = {};  ///< Reduce-on-plateau.
};

/// At update t, with m, v as in Adam, m_hat = m / (1 - beta1^t), rho_inf = 2 / (1 - beta2) - 1 and
/// rho = rho_inf - 2 t beta2^t / (1 - beta2^t):
///
///     u = m_hat r sqrt(1 - beta2^t) / (sqrt(v) + eps)     where rho > 5,
///         r^2 = (rho - 4) (rho - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho)
///     u = m_hat                                           before that
///
/// Liu et al. 2020 as in https://pytorch.org/docs/1.13/generated/torch.optim.RAdam.html
class RAdam : public ElementwiseOptimizer {
 public:
  /// \throws Error for settings that make no sense.
  RAdam(Groups groups, RAdamOptions options = {});

 protected:
  std::array<const char*, 3> state_names() const override;
  detail::BaseRule base_rule(const ParameterState& p, const StepContext& context) const override;
  UpdateModel response(std::size_t group, double momentum) const override;
  std::string settings() const override;
  double second_moment(ParameterState& p, const Step& step) override;  ///< v_hat counts as 1 until it is used.

 private:
  double rho(double t) const;

  double beta2_, eps_;
};

}  // namespace ebb
