/// \file
/// Elementwise activations. Any shape, f32 or f64; other types are errors. NaN stays NaN.
#pragma once

#include "framework/autograd/tape.h"

namespace ebb {

/// An activation that other ops can apply on their way out (batch_norm).
enum class Activation : std::uint8_t {
  none,  ///< Identity.
  relu,  ///< max(x, 0)
};

/// The two forms of GELU.
enum class Gelu : std::uint8_t {
  exact,  ///< x Phi(x) with the error function.
  tanh,   ///< x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
};

Var relu(const Var& x);                             ///< max(x, 0); the gradient at 0 is 0.
Var relu6(const Var& x);                            ///< min(max(x, 0), 6); the gradient at 0 and at 6 is 0.
Var leaky_relu(const Var& x, double slope = 0.01);  ///< x > 0 ? x : slope x; the gradient at 0 is slope.
Var elu(const Var& x, double alpha = 1.0);          ///< x > 0 ? x : alpha (e^x - 1)
Var gelu(const Var& x, Gelu form = Gelu::exact);    ///< Gaussian error linear unit (Hendrycks, Gimpel 2016).
Var silu(const Var& x);                             ///< x sigmoid(x)
Var softplus(const Var& x);                         ///< log(1 + e^x), without overflow.
Var sigmoid(const Var& x);                          ///< 1 / (1 + e^-x)
Var tanh(const Var& x);                             ///< Hyperbolic tangent.

}  // namespace ebb
