/// \file
/// Elementwise arithmetic with NumPy broadcasting. Operands have one floating-point dtype; shapes are aligned at the
/// last axis and dimensions of 1 stretch. Every function throws Error on shapes that do not broadcast and on
/// differing dtypes. Gradients are summed over broadcast axes.
#pragma once

#include "framework/autograd/tape.h"

namespace ebb {

Var add(const Var& a, const Var& b);  ///< a + b
Var sub(const Var& a, const Var& b);  ///< a - b
Var mul(const Var& a, const Var& b);  ///< a b
Var div(const Var& a, const Var& b);  ///< a / b

Var add(const Var& a, double b);  ///< a + b
Var mul(const Var& a, double b);  ///< a b

inline Var operator+(const Var& a, const Var& b) { return add(a, b); }    ///< add()
inline Var operator-(const Var& a, const Var& b) { return sub(a, b); }    ///< sub()
inline Var operator*(const Var& a, const Var& b) { return mul(a, b); }    ///< mul()
inline Var operator/(const Var& a, const Var& b) { return div(a, b); }    ///< div()
inline Var operator+(const Var& a, double b) { return add(a, b); }        ///< add()
inline Var operator+(double a, const Var& b) { return add(b, a); }        ///< add()
inline Var operator-(const Var& a, double b) { return add(a, -b); }       ///< add()
inline Var operator*(const Var& a, double b) { return mul(a, b); }        ///< mul()
inline Var operator*(double a, const Var& b) { return mul(b, a); }        ///< mul()
inline Var operator/(const Var& a, double b) { return mul(a, 1.0 / b); }  ///< mul() by 1 / b
inline Var operator-(const Var& a) { return mul(a, -1.0); }               ///< mul() by -1
Var operator-(double a, const Var& b);                                    ///< a - b
Var operator/(double a, const Var& b);                                    ///< a / b

Var neg(const Var& x);                   ///< -x
Var exp(const Var& x);                   ///< e^x
Var log(const Var& x);                   ///< Natural logarithm.
Var sqrt(const Var& x);                  ///< Square root; the gradient at 0 is infinite.
Var square(const Var& x);                ///< x^2
Var pow(const Var& x, double exponent);  ///< x^exponent; 0 for the gradient where exponent is 0.
Var abs(const Var& x);                   ///< |x|; the gradient at 0 is 0.

/// min(max(x, low), high); the gradient is 1 where low <= x <= high, else 0. \throws Error unless low <= high.
Var clamp(const Var& x, double low, double high);

/// condition ? a : b, elementwise. `condition` is a u8 tensor (0 is false); the three shapes broadcast.
Var where(const Tensor& condition, const Var& a, const Var& b);

/// relu(a + b) for equal shapes in one pass: the end of a residual block.
Var add_relu(const Var& a, const Var& b);

}  // namespace ebb
