/// \file
/// LAMB: Adam with a learning rate of its own for every layer.
#pragma once

#include "optim/adam.h"

namespace ebb {

/// Options of Lamb.
struct LambOptions {
  double lr = 1e-3;                            ///< Base learning rate.
  double beta1 = 0.9;                          ///< Of the mean of gradients; groups set it as their momentum.
  double beta2 = 0.999;                        ///< Of the mean of squared gradients.
  double eps = 1e-6;                           ///< Beside the root.
  Schedule schedule = {};                      ///< Multiplies lr.
  Schedule momentum_schedule = {};             ///< Multiplies beta1.
  std::optional<Decay> decay = {};             ///< For groups that set none; unset: none.
  GradientOptions gradient = {};               ///< Clipping, accumulation and so on.
  std::optional<PlateauOptions> plateau = {};  ///< Reduce-on-plateau.
};

/// With a the update of Adam and lambda of update_l2, the paper's own decay:
///
///     u = r (a + lambda w),  r = |w| / |a + lambda w| for weights and embeddings where both are > 0, else 1
///
/// You et al. 2020, https://arxiv.org/abs/1904.00962. The decoupled kinds stand beside the update, untouched by r.
class Lamb : public Adam {
 public:
  /// \throws Error for settings that make no sense.
  Lamb(Groups groups, LambOptions options = {});

 protected:
  /// Unknown: the trust ratio follows the weight.
  UpdateModel response(std::size_t /*group*/, double /*beta1*/) const override { return {}; }
  void update(ParameterState& p, const Step& step) override;
};

}  // namespace ebb
