/// \file
/// Every kind of weight decay, on adjacent lines. A kind is a pure function from the numbers of a step to a few
/// coefficients, which every optimizer applies at the same places; see docs/weight-decay.md.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <limits>
#include <string>
#include <vector>

#include "optim/schedule.h"

namespace ebb {

/// The numbers of one step of one group, for rules.
struct StepContext {
  std::int64_t step = 0;  ///< Steps made before this one: 0 at the first.
  double base_lr = 0;     ///< Peak learning rate of the group.
  double schedule = 1;    ///< Multiplier of this step.
  double lr = 0;          ///< base_lr * schedule.
  double lambda = 0;      ///< Strength at this step.
  double l1 = 0;          ///< Second strength at this step, of the kinds with two.
  double momentum = 0;    ///< The group's momentum (beta1 of the Adam family) in this step, 0 where there is none.
  double mean_v_hat = 1;  ///< Mean of v_hat over the group, for kinds that ask for it; 1 without a second moment.
};

/// What a rule returns. With d = w - target (0 or the starting point), g the gradient and u the base update:
///
///     g  += l2_gradient d + l1_gradient sign(d)        before momentum and moments
///     u  += l2_update d                                before any trust ratio
///     w  -= lr u + shrink d                            beside the update; where u d >= 0 only when cautious
///     w   = target + soft(w - target, threshold) / divide     after the update
struct DecayTerms {
  double l2_gradient = 0;  ///< Into the gradient, proportional to d.
  double l1_gradient = 0;  ///< Into the gradient, with the sign of d.
  double l2_update = 0;    ///< Into the update, proportional to d.
  double shrink = 0;       ///< Off the weight beside the update, proportional to d.
  double divide = 1;       ///< Divisor of d after the update.
  double threshold = 0;    ///< Soft threshold after the update: exact zeros.
  bool cautious = false;   ///< Shrink only where the update does not oppose it.
};

/// A decay strength: a number, or a number times a schedule (`5e-4 * cosine(4690)`), perhaps for some steps only.
class Lambda {
 public:
  /// The same at every step. \throws Error unless value is finite and >= 0.
  Lambda(double value);

  /// Follows a schedule; its values are the strength.
  Lambda(Schedule schedule) : Lambda(1.0, std::move(schedule)) {}

  /// value * schedule(step).
  Lambda(double value, Schedule schedule);

  /// The strength at `step`.
  double at(std::int64_t step) const { return step < from_ || step >= until_ ? 0 : value_ * schedule_(step); }

  double value() const { return value_; }                 ///< The number.
  const Schedule& schedule() const { return schedule_; }  ///< What multiplies it.
  Lambda from(std::int64_t step) const;                   ///< The same, 0 before `step`.
  Lambda until(std::int64_t step) const;                  ///< The same, 0 at `step` and after.
  std::string text() const;                               ///< "0.0005", "0.0005 * cosine(4690)", "0.0005 from 100".

 private:
  double value_;
  Schedule schedule_;
  bool scheduled_ = false;
  std::int64_t from_ = 0;
  std::int64_t until_ = std::numeric_limits<std::int64_t>::max();
};

/// `5e-4 * cosine(4690)`.
Lambda operator*(double value, const Schedule& schedule);

/// A kind of weight decay with its strength. A kind of your own is a function that returns one:
///
/// <!-- code: tests/docs/header_examples_test.cpp halved -->
/// ```cpp
/// Decay halved(Lambda l) {
///   return {"halved", l, [](const StepContext& s) { return DecayTerms{.shrink = s.lr * s.lambda / 2}; },
///           "w -= lr lambda w / 2"};
/// }
/// ```
struct Decay {
  std::string name = "none";                                ///< Of the kind.
  Lambda lambda = 0.0;                                      ///< Strength.
  std::function<DecayTerms(const StepContext&)> rule = {};  ///< The kind; empty: nothing.
  std::string formula = {};                                 ///< What it does, in a few words, for reports.
  Lambda l1 = 0.0;                                          ///< Second strength, of the kinds with two.
  bool wants_v_hat = false;                                 ///< Whether rule reads mean_v_hat.
  bool from_start = false;                                  ///< Decay towards the starting point instead of zero.

  Decay from(std::int64_t step) const;   ///< The same, off before `step`.
  Decay until(std::int64_t step) const;  ///< The same, off at `step` and after.
  std::string text() const;              ///< "decoupled_lr 0.0005".
};

/// Prints text().
std::ostream& operator<<(std::ostream& out, const Decay& decay);

/// A kind of decay by name: for programs and configuration files.
struct DecayKind {
  std::string name;                                                   ///< Decay::name of what it makes.
  bool two = false;                                                   ///< Whether it has a second strength, l1.
  std::function<Decay(const Lambda& lambda, const Lambda& l1)> make;  ///< Kinds with one strength leave l1 alone.

  /// The entry of a kind with one strength, and of one with two.
  explicit DecayKind(Decay (*kind)(Lambda lambda));
  explicit DecayKind(Decay (*kind)(Lambda l1, Lambda lambda));  ///< As above.
};

/// Every kind of this file but no_decay().
const std::vector<DecayKind>& decay_kinds();

/// No decay.
Decay no_decay();

/// g += lambda w: the gradient of lambda/2 |w|^2, before momentum and moments. `weight_decay` of PyTorch's SGD and
/// Adam. Adam divides it by sqrt(v): see docs/weight-decay.md.
Decay coupled_l2(Lambda lambda);

/// w -= lr_t lambda w beside the update. AdamW of PyTorch, Keras, optax.
Decay decoupled_lr(Lambda lambda);

/// w -= schedule_t lambda w beside the update. The AdamW paper's own form (Loshchilov & Hutter 2019).
Decay decoupled_schedule(Lambda lambda);

/// w -= lambda w beside the update, whatever the learning rate does. TensorFlow Addons.
Decay decoupled_constant(Lambda lambda);

/// w -= lambda lr_t^2 / base_lr w beside the update. AdamC, SGDC (Defazio 2025).
Decay corrected(Lambda lambda);

/// w -= lr_t lambda / sqrt(mean v_hat) w beside the update, the mean taken over the group after this step's moments.
/// No decay while that mean is 0. Stable weight decay, AdamS (Xie et al. 2020).
Decay stable(Lambda lambda);

/// decoupled_lr, only where u w >= 0: where the update does not oppose it. Cautious weight decay (Chen et al. 2025).
Decay cautious(Lambda lambda);

/// g += l1 sign(w), the subgradient of l1 |w|; chatters about zero.
Decay coupled_l1(Lambda l1);

/// g += l1 sign(w) + l2 w.
Decay coupled_elastic_net(Lambda l1, Lambda l2);

/// w = soft(w - lr_t u, lr_t l1): the proximal step of l1 |w|, with exact zeros (ISTA).
Decay proximal_l1(Lambda l1);

/// w = soft(w - lr_t u, lr_t l1) / (1 + lr_t l2): the proximal step of the elastic net.
Decay elastic_net(Lambda l1, Lambda l2);

/// w = (w - lr_t u) / (1 + lr_t lambda): the proximal step of lambda/2 |w|^2.
Decay proximal_l2(Lambda lambda);

/// u += lambda w: joins the update before the trust ratio of LARS and LAMB, as their papers have it. Elsewhere it
/// equals decoupled_lr.
Decay update_l2(Lambda lambda);

/// The kind, with w - w_0 in place of w; w_0 is the value at the optimizer's first step. L2-SP (Li et al. 2018).
Decay toward_start(Decay kind);

/// The strength that keeps the timescale in epochs when batch size, data or duration change:
/// lambda_norm * sqrt(batch / (points * epochs)). Loshchilov & Hutter 2019, appendix B.
/// \throws Error unless all are positive (lambda_norm may be 0).
double normalized_lambda(double lambda_norm, double batch, double points, double epochs);

}  // namespace ebb
