/// \file
/// How the base update of an optimizer answers to gradients, in numbers.
#pragma once

#include <cstdint>

namespace ebb {

/// The base update as a filter of the gradients, once its bias corrections have died out:
///
///     f_t = direct g_t + gain sum_{k >= 0} pole^k g_{t-k}
///     u_t = f_t                      linear:      SGD, with momentum, Nesterov
///           f_t / sqrt(v_t)          normalised:  Adam and its kin, RMSprop; v_t a running mean of g^2
///           sign(f_t)                sign:        Lion
///           orthogonal factor of f_t orthogonal:  Muon
///
/// From it follow the norm and the rotation at which updates and weight decay balance.
struct UpdateModel {
  /// What is done to the filtered gradient.
  enum class Kind : std::uint8_t {
    linear,
    normalised,
    sign,
    orthogonal,
    unknown,  ///< None of these: LARS, LAMB, Adagrad, Adadelta, AMSGrad, projected updates.
  };
  Kind kind = Kind::unknown;  ///< See above; for unknown the numbers mean nothing.
  double direct = 0;          ///< Weight of the newest gradient beside the sum.
  double gain = 1;            ///< Weight of the sum.
  double pole = 0;            ///< What stays of it in a step, 0 to below 1.
  double first_gain = gain;   ///< Weight of the very first gradient in the sum: SGD's dampening leaves it whole.

  /// What a constant gradient of 1 comes to in the end: 1 / (1 - momentum) for SGD.
  constexpr double total() const { return direct + gain / (1 - pole); }
};

/// Momentum without dampening has direct 0, gain 1, pole mu; this gives the model of `u = direct g + share b`,
/// `b = pole b + fresh g`.
constexpr UpdateModel filtered(UpdateModel::Kind kind, double direct, double share, double pole, double fresh) {
  return {.kind = kind, .direct = direct, .gain = share * fresh, .pole = pole};
}

}  // namespace ebb
