/// \file
/// Lion: the sign of a momentum.
#pragma once

#include <optional>

#include "optim/elementwise.h"

namespace ebb {

/// Options of Lion.
struct LionOptions {
  double lr = 1e-4;                            ///< Base learning rate; 3 to 10 times smaller than Adam's.
  double beta1 = 0.9;                          ///< Of the mix whose sign is taken; groups set it as their momentum.
  double beta2 = 0.99;                         ///< Of the buffer.
  Schedule schedule = {};                      ///< Multiplies lr.
  Schedule momentum_schedule = {};             ///< Multiplies beta1.
  std::optional<Decay> decay = {};             ///< For groups that set none; unset: none.
  GradientOptions gradient = {};               ///< Clipping, accumulation and so on.
  std::optional<PlateauOptions> plateau = {};  ///< Reduce-on-plateau.
};

/// With gradient g:
///
///     u = sign(beta1 m + (1 - beta1) g);  m = beta2 m + (1 - beta2) g
///
/// Chen et al. 2023, https://arxiv.org/abs/2302.06675, whose own decay is decoupled_lr.
class Lion : public ElementwiseOptimizer {
 public:
  /// \throws Error for settings that make no sense.
  Lion(Groups groups, LionOptions options = {});

 protected:
  std::array<const char*, 3> state_names() const override;
  detail::BaseRule base_rule(const ParameterState& p, const StepContext& context) const override;
  UpdateModel response(std::size_t group, double momentum) const override;
  std::string settings() const override;

 private:
  double beta2_;
};

}  // namespace ebb
