/// \file
/// Stochastic gradient descent with momentum.
#pragma once

#include <optional>

#include "optim/elementwise.h"

namespace ebb {

/// Options of Sgd.
struct SgdOptions {
  double lr = 0.01;                            ///< Base learning rate.
  double momentum = 0;                         ///< mu; 0: no buffer.
  double dampening = 0;                        ///< tau.
  bool nesterov = false;                       ///< Nesterov's form; needs momentum and no dampening.
  Schedule schedule = {};                      ///< Multiplies lr.
  Schedule momentum_schedule = {};             ///< Multiplies momentum.
  std::optional<Decay> decay = {};             ///< For groups that set none; unset: none.
  GradientOptions gradient = {};               ///< Clipping, accumulation and so on.
  std::optional<PlateauOptions> plateau = {};  ///< Reduce-on-plateau.
  std::optional<Projection> projection = {};   ///< SGDP.
};

/// With momentum mu, dampening tau and gradient g:
///
///     b = mu b + (1 - tau) g          at the first update b = g, undamped
///     u = b, or g + mu b with nesterov
///     w -= lr u
///
/// PyTorch's form: the lr stays outside the buffer, so a schedule acts at once; Caffe and the printed SGDW keep it
/// inside. Sutskever et al. 2013; https://pytorch.org/docs/1.13/generated/torch.optim.SGD.html
class Sgd : public ElementwiseOptimizer {
 public:
  /// \throws Error for settings that make no sense.
  Sgd(Groups groups, SgdOptions options = {});

 protected:
  /// Under another name.
  Sgd(const char* name, Groups groups, SgdOptions options);

  std::array<const char*, 3> state_names() const override;
  detail::BaseRule base_rule(const ParameterState& p, const StepContext& context) const override;
  UpdateModel response(std::size_t group, double momentum) const override;
  std::string settings() const override;

 private:
  bool has_momentum_;
  double dampening_;
  bool nesterov_;
};

/// Sgd with decoupled decay: `decay` has to be set, for example to decoupled_schedule(lambda), the paper's form, or
/// decoupled_lr(lambda). Loshchilov & Hutter 2019. To match coupled_l2(l) with momentum mu use lambda = l / (1 - mu).
class SgdW : public Sgd {
 public:
  /// \throws Error when neither the options nor every group set a decay.
  SgdW(Groups groups, SgdOptions options);
};

/// SgdW by the name of its paper.
using SGDW = SgdW;

}  // namespace ebb
