/// \file
/// Adagrad.
#pragma once

#include <optional>

#include "optim/elementwise.h"

namespace ebb {

/// Options of Adagrad.
struct AdagradOptions {
  double lr = 0.01;                            ///< Base learning rate.
  double lr_decay = 0;                         ///< Divides u by 1 + (t - 1) lr_decay at update t.
  double initial = 0;                          ///< What the sum of squares starts from.
  double eps = 1e-10;                          ///< Beside the root.
  Schedule schedule = {};                      ///< Multiplies lr.
  std::optional<Decay> decay = {};             ///< For groups that set none; unset: none.
  GradientOptions gradient = {};               ///< Clipping, accumulation and so on.
  std::optional<PlateauOptions> plateau = {};  ///< Reduce-on-plateau.
};

/// With gradient g at update t:
///
///     s = s + g^2;  u = g / (sqrt(s) + eps) / (1 + (t - 1) lr_decay)
///
/// Duchi et al. 2011 as in https://pytorch.org/docs/1.13/generated/torch.optim.Adagrad.html (lr_decay stands in u here:
/// decoupled kinds of decay don't see it).
class Adagrad : public ElementwiseOptimizer {
 public:
  /// \throws Error for settings that make no sense.
  Adagrad(Groups groups, AdagradOptions options = {});

 protected:
  std::array<const char*, 3> state_names() const override;
  detail::BaseRule base_rule(const ParameterState& p, const StepContext& context) const override;
  std::string settings() const override;
  Tensor initial_state(const ParameterState& p, std::size_t k) const override;

 private:
  double lr_decay_, initial_, eps_;
};

}  // namespace ebb
