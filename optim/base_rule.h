/// \file
/// The base updates that kernels know, by name: an optimizer fills one of these structs in for each update.
#pragma once

#include <array>

#include "framework/kernels/update.h"

namespace ebb::detail {

/// A kernel's rule with its coefficients, in double; made of one of the structs below.
struct BaseRule {
  kernels::UpdateRule rule = kernels::UpdateRule::gradient;  ///< Which; by itself u = g.
  std::array<double, 8> c = {};                              ///< Coefficients of the rule.
  double v_hat = 1;                                          ///< Factor from its second moment to v_hat.
};

/// m = keep m + take g; u = of_gradient g + of_momentum m.
struct MomentumRule {
  double keep = 0.9;       ///< Share of the momentum that stays.
  double take = 1;         ///< Share of the gradient that comes in.
  double of_gradient = 0;  ///< Of the gradient itself in u.
  double of_momentum = 1;  ///< Of the momentum in u.

  operator BaseRule() const {
    return {.rule = kernels::UpdateRule::momentum, .c = {keep, take, of_gradient, of_momentum}};
  }
};

/// m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2;
/// u = (of_gradient g + of_mean m) / (sqrt(of_squares v) + eps).
struct MomentsRule {
  double beta1 = 0.9;      ///< Share of m that stays.
  double beta2 = 0.999;    ///< Share of v that stays.
  double of_gradient = 0;  ///< Of the gradient in the numerator.
  double of_mean = 1;      ///< Of m in the numerator, bias correction included.
  double of_squares = 1;   ///< Of v, or the largest v so far, under the root.
  double eps = 1e-8;       ///< Beside the root.
  bool largest = false;    ///< Whether the largest v so far stands under the root.
  double v_hat = 1;        ///< Bias correction of v.

  operator BaseRule() const {
    return {.rule = largest ? kernels::UpdateRule::moments_max : kernels::UpdateRule::moments,
            .c = {beta1, 1 - beta1, beta2, 1 - beta2, of_gradient, of_mean, of_squares, eps},
            .v_hat = v_hat};
  }
};

/// v = alpha v + (1 - alpha) g^2; u = g / (sqrt(v) + eps), perhaps gathered by a momentum; centered, v less the square
/// of the mean of gradients stands under the root.
struct RmsRule {
  double alpha = 0.99;        ///< Share of v, and of the mean, that stays.
  double eps = 1e-8;          ///< Beside the root.
  double least_share = 0;     ///< Centered: of v, what remains under the root at least.
  bool centered = false;      ///< Whether the mean's square is taken off.
  bool has_momentum = false;  ///< Whether there is a momentum.
  double momentum = 0;        ///< Share of it that stays.

  operator BaseRule() const {
    using R = kernels::UpdateRule;
    return {.rule = has_momentum ? (centered ? R::rms_centered_momentum : R::rms_momentum)
                                 : (centered ? R::rms_centered : R::rms),
            .c = {alpha, 1 - alpha, eps, momentum, least_share}};
  }
};

/// v = v + g^2; u = of_gradient g / (sqrt(v) + eps).
struct AdagradRule {
  double of_gradient = 1;  ///< Of the gradient in u.
  double eps = 1e-10;      ///< Beside the root.

  operator BaseRule() const { return {.rule = kernels::UpdateRule::adagrad, .c = {of_gradient, eps}}; }
};

/// v = rho v + (1 - rho) g^2; u = g sqrt(x + eps) / sqrt(v + eps); x = rho x + (1 - rho) u^2.
struct AdadeltaRule {
  double rho = 0.9;   ///< Share of both means that stays.
  double eps = 1e-6;  ///< Under both roots.

  operator BaseRule() const { return {.rule = kernels::UpdateRule::adadelta, .c = {rho, 1 - rho, eps}}; }
};

/// u = sign(beta1 m + (1 - beta1) g); m = beta2 m + (1 - beta2) g.
struct LionRule {
  double beta1 = 0.9;   ///< Share of m in the update.
  double beta2 = 0.99;  ///< Share of m that stays.

  operator BaseRule() const { return {.rule = kernels::UpdateRule::lion, .c = {beta1, 1 - beta1, beta2, 1 - beta2}}; }
};

}  // namespace ebb::detail
