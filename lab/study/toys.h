/// \file
/// Losses of a few numbers whose trainings are known in closed form, for studies and tests.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "framework/autograd/parameter.h"
#include "framework/compute/basic.h"
#include "optim/groups.h"
#include "optim/selector.h"

namespace ebb::toys {

/// A parameter of f64 numbers.
inline std::unique_ptr<Parameter> parameter(const std::string& name, std::initializer_list<double> values,
                                            Role role = Role::weight) {
  return std::make_unique<Parameter>(name, role, Tensor::from(values, {static_cast<std::int64_t>(values.size())}));
}

/// A parameter of normal numbers.
inline std::unique_ptr<Parameter> random_parameter(const std::string& name, const Shape& shape, const Rng& rng,
                                                   DType dtype = DType::f64, Role role = Role::weight) {
  Tensor value(shape, dtype);
  fill_normal(value, rng, 0, 1);
  return std::make_unique<Parameter>(name, role, value);
}

/// A tensor of normal f64 numbers.
inline Tensor normals(const Shape& shape, const Rng& rng, double deviation = 1) {
  Tensor out(shape, DType::f64);
  fill_normal(out, rng, 0, deviation);
  return out;
}

/// One group with all that the optimizer's options say.
inline Groups alone(Parameter& p) { return groups({&p}, {{"all", everything_else()}}); }

/// Replaces the gradient.
inline void set_gradient(Parameter& p, const Tensor& gradient) {
  p.zero_grad();
  p.accumulate(gradient.clone());
}

/// As above.
inline void set_gradient(Parameter& p, std::initializer_list<double> values) {
  set_gradient(p, Tensor::from(values, p.shape()));
}

/// A gradient of zeros, which is not the same as none.
inline void zero_gradient(Parameter& p) { set_gradient(p, Tensor::zeros(p.shape(), p.value().dtype())); }

/// gradient = a (w - w*), elementwise: that of a/2 |w - w*|^2.
inline void quadratic_gradient(Parameter& p, double a, double minimum) {
  Tensor g = p.value().clone();
  for (double& x : g.mutable_span<double>()) x = a * (x - minimum);
  set_gradient(p, g);
}

/// The gradient of a loss that does not feel the length of w: the quadratic form sum (1 + i/2) w_i^2 / |w|^2. At 2^k w
/// it is 2^-k times as long, to the bit.
inline void sphere_gradient(Parameter& p) {
  const Tensor w = p.value().clone();
  const double* const ws = w.data<double>();
  double square = 0, form = 0;
  for (std::int64_t i = 0; i < w.size(); ++i) {
    square += ws[i] * ws[i];
    form += (1 + 0.5 * static_cast<double>(i)) * ws[i] * ws[i];
  }
  Tensor g = w.clone();
  for (std::int64_t i = 0; i < w.size(); ++i)
    g.mutable_data<double>()[i] = 2 * ((1 + 0.5 * static_cast<double>(i)) - form / square) * ws[i] / square;
  set_gradient(p, g);
}

/// The carousel: a loss of `slope` times the angle of w in the plane. The gradient is orthogonal to w and slope / |w|
/// long. \returns |w|
inline double carousel_gradient(Parameter& w, double slope) {
  const double x = w.value().at({0}), y = w.value().at({1}), square = x * x + y * y;
  set_gradient(w, {-slope * y / square, slope * x / square});
  return std::sqrt(square);
}

/// The minimum of a/2 (w - minimum)^2 + alpha/2 w^2.
inline double ridge(double a, double minimum, double alpha) { return a * minimum / (a + alpha); }

/// The minimum of (w - x)^2 / 2 + by |w|.
inline double soft(double x, double by) { return x > by ? x - by : x < -by ? x + by : 0; }

/// Where AdamW rests on a/2 (w - minimum)^2, minimum > 0: lambda w + g / (|g| + eps) = 0.
inline double adamw_rest(double a, double minimum, double lambda, double eps) {
  const double b = a + lambda * (a * minimum + eps);
  return (b - std::sqrt(b * b - 4 * lambda * a * a * minimum)) / (2 * lambda * a);
}

/// Where an optimizer comes to rest on a/2 (w - minimum)^2, from `start`. \param make an optimizer of Groups.
template <class Make>
double rest(Make make, double a, double minimum, int steps, double start) {
  const auto w = parameter("w", {start});
  auto optimizer = make(alone(*w));
  for (int step = 0; step < steps; ++step) {
    quadratic_gradient(*w, a, minimum);
    optimizer.step();
  }
  return w->value().item();
}

/// The greatest difference of two f64 tensors of one shape.
inline double farthest(const Tensor& a, const Tensor& b) {
  double worst = 0;
  for (std::int64_t i = 0; i < a.size(); ++i)
    worst = std::max(worst, std::abs(a.data<double>()[i] - b.data<double>()[i]));
  return worst;
}

}  // namespace ebb::toys
