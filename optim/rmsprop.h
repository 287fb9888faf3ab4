/// \file
/// RMSprop.
#pragma once

#include <optional>

#include "optim/elementwise.h"

namespace ebb {

/// Options of RmsProp.
struct RmsPropOptions {
  double lr = 0.01;                            ///< Base learning rate.
  double alpha = 0.99;                         ///< Of the mean of squared gradients.
  double eps = 1e-8;                           ///< Beside the root.
  double momentum = 0;                         ///< Of the buffer of updates; 0: none.
  bool centered = false;                       ///< Subtract the squared mean under the root.
  Schedule schedule = {};                      ///< Multiplies lr.
  Schedule momentum_schedule = {};             ///< Multiplies momentum.
  std::optional<Decay> decay = {};             ///< For groups that set none; unset: none.
  GradientOptions gradient = {};               ///< Clipping, accumulation and so on.
  std::optional<PlateauOptions> plateau = {};  ///< Reduce-on-plateau.
};

/// With gradient g:
///
///     v = alpha v + (1 - alpha) g^2;  centered: a = alpha a + (1 - alpha) g
///     u = g / (sqrt(v - a^2) + eps), a = 0 unless centered
///     momentum: b = mu b + u;  u = b
///
/// Where gradients hardly vary v - a^2 is lost in rounding, and may come out negative: it counts as at least
/// v epsilon / (1 - alpha), epsilon the type's, 1.2e-7 in f32. That bounds u by 1 / sqrt(epsilon) = 2,900.
/// Tieleman & Hinton 2012 as in https://pytorch.org/docs/1.13/generated/torch.optim.RMSprop.html
class RmsProp : public ElementwiseOptimizer {
 public:
  /// \throws Error for settings that make no sense.
  RmsProp(Groups groups, RmsPropOptions options = {});

 protected:
  std::array<const char*, 3> state_names() const override;
  detail::BaseRule base_rule(const ParameterState& p, const StepContext& context) const override;
  UpdateModel response(std::size_t group, double momentum) const override;
  std::string settings() const override;

 private:
  double alpha_, eps_;
  bool centered_, has_momentum_;
};

}  // namespace ebb
