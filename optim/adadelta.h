/// \file
/// Adadelta.
#pragma once

#include <optional>

#include "optim/elementwise.h"

namespace ebb {

/// Options of Adadelta.
struct AdadeltaOptions {
  double lr = 1;                               ///< Base learning rate.
  double rho = 0.9;                            ///< Of both means.
  double eps = 1e-6;                           ///< Under both roots, > 0: without it no number ever moves.
  Schedule schedule = {};                      ///< Multiplies lr.
  std::optional<Decay> decay = {};             ///< For groups that set none; unset: none.
  GradientOptions gradient = {};               ///< Clipping, accumulation and so on.
  std::optional<PlateauOptions> plateau = {};  ///< Reduce-on-plateau.
};

/// With gradient g:
///
///     v = rho v + (1 - rho) g^2;  u = g sqrt(d + eps) / sqrt(v + eps);  d = rho d + (1 - rho) u^2
///
/// Zeiler 2012 as in https://pytorch.org/docs/1.13/generated/torch.optim.Adadelta.html
class Adadelta : public ElementwiseOptimizer {
 public:
  /// \throws Error for settings that make no sense.
  Adadelta(Groups groups, AdadeltaOptions options = {});

 protected:
  std::array<const char*, 3> state_names() const override;
  detail::BaseRule base_rule(const ParameterState& p, const StepContext& context) const override;
  std::string settings() const override;

 private:
  double rho_, eps_;
};

}  // namespace ebb
