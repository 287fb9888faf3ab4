/// \file
/// Adam and AdamW.
#pragma once

#include <optional>

#include "optim/elementwise.h"

namespace ebb {

/// Options of Adam.
struct AdamOptions {
  double lr = 1e-3;                            ///< Base learning rate.
  double beta1 = 0.9;                          ///< Of the mean of gradients; groups set it as their momentum.
  double beta2 = 0.999;                        ///< Of the mean of squared gradients.
  double eps = 1e-8;                           ///< Beside the root. With 0, numbers without a second moment stay.
  bool amsgrad = false;                        ///< Divide by the largest v so far (Reddi et al. 2018).
  Schedule schedule = {};                      ///< Multiplies lr.
  Schedule momentum_schedule = {};             ///< Multiplies beta1.
  std::optional<Decay> decay = {};             ///< For groups that set none; unset: none (AdamW: 0.01).
  GradientOptions gradient = {};               ///< Clipping, accumulation and so on.
  std::optional<PlateauOptions> plateau = {};  ///< Reduce-on-plateau.
  std::optional<Projection> projection = {};   ///< AdamP.
};

/// At update t of a parameter with gradient g:
///
///     m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2
///     u = m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)
///     w -= lr u
///
/// with max(v over all updates) in place of v under amsgrad. Kingma & Ba 2015 in PyTorch's arrangement of eps;
/// https://pytorch.org/docs/1.13/generated/torch.optim.Adam.html
class Adam : public ElementwiseOptimizer {
 public:
  /// \throws Error for settings that make no sense.
  Adam(Groups groups, AdamOptions options = {});

 protected:
  /// Under another name.
  Adam(const char* name, Groups groups, AdamOptions options);

  std::array<const char*, 3> state_names() const override;
  detail::BaseRule base_rule(const ParameterState& p, const StepContext& context) const override;
  UpdateModel response(std::size_t group, double momentum) const override;
  std::string settings() const override;

 private:
  double beta2_, eps_;
  bool amsgrad_;
};

/// Adam with decoupled_lr(0.01) for all that set no decay: PyTorch's AdamW. The paper's own decay is
/// decoupled_schedule. Loshchilov & Hutter 2019.
class AdamW : public Adam {
 public:
  /// \throws Error for settings that make no sense.
  AdamW(Groups groups, AdamOptions options = {});
};

}  // namespace ebb
