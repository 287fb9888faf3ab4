/// \file
/// Elementwise functions of one argument with their derivatives, over contiguous arrays of n numbers. One thread;
/// outputs may equal inputs. NaN stays NaN.
#pragma once

#include <stdint.h>

namespace ebb::kernels {

/// A function and its derivative. `alpha` and `beta` are constants of the function; most have none and ignore them.
template <class T>
struct Unary {
  void (*forward)(const T* x, T* y, int64_t n, T alpha, T beta);  ///< y = f(x)
  /// dx = f'(x) dy. `saved` is x or y = f(x), as the function's own comment says.
  void (*backward)(const T* saved, const T* dy, T* dx, int64_t n, T alpha, T beta);
};

/// Function pointers of the family for T = float or double.
template <class T>
struct Activation {
  Unary<T> relu;        ///< max(x, 0); saved y; derivative 0 at 0.
  Unary<T> relu6;       ///< min(max(x, 0), 6); saved y; derivative 0 at 0 and 6.
  Unary<T> leaky_relu;  ///< x > 0 ? x : alpha x; saved x; derivative alpha at 0.
  Unary<T> elu;         ///< x > 0 ? x : alpha (e^x - 1); saved x.
  Unary<T> gelu;        ///< x Phi(x), Phi the normal distribution; saved x.
  Unary<T> gelu_tanh;   ///< x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))); saved x.
  Unary<T> silu;        ///< x sigmoid(x); saved x.
  Unary<T> softplus;    ///< log(1 + e^x); saved x.
  Unary<T> sigmoid;     ///< 1 / (1 + e^-x); saved y.
  Unary<T> tanh;        ///< Hyperbolic tangent; saved y.
  Unary<T> exp;         ///< e^x; saved y.
  Unary<T> log;         ///< Natural logarithm; saved x.
  Unary<T> sqrt;        ///< Square root; saved y.
  Unary<T> square;      ///< x^2; saved x.
  Unary<T> abs;         ///< |x|; saved x; derivative 0 at 0.
  Unary<T> clamp;       ///< min(max(x, alpha), beta); saved x; derivative 1 where alpha <= x <= beta.

  void (*exp_shifted)(T alpha, T shift, const T* x, T* y, int64_t n);  ///< y = alpha e^(x - shift)
};

}  // namespace ebb::kernels
