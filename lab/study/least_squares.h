/// \file
/// Least squares of a few columns, for studies.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "lab/study/toys.h"

namespace ebb::toys {

/// The solution of a x = b, a `[n, n]` by rows.
std::vector<double> solve(const std::vector<double>& a, const std::vector<double>& b);

/// Least squares: 1/(2n) |X w - y|^2 by its second moments.
struct LeastSquares {
  std::size_t n = 0;           ///< Samples.
  std::size_t d = 0;           ///< Columns.
  std::vector<double> x = {};  ///< `[n, d]`
  std::vector<double> y = {};  ///< `[n]`

  /// X'X / n, by rows.
  std::vector<double> moments() const {
    std::vector<double> out(d * d, 0.0);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < d; ++j)
        for (std::size_t k = 0; k < d; ++k) out[j * d + k] += x[i * d + j] * x[i * d + k] / static_cast<double>(n);
    return out;
  }

  /// X'y / n
  std::vector<double> correlations() const {
    std::vector<double> out(d, 0.0);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < d; ++j) out[j] += x[i * d + j] * y[i] / static_cast<double>(n);
    return out;
  }

  /// (X'X / n + diag(penalty))^-1 X'y / n
  std::vector<double> ridge(const std::vector<double>& penalty) const {
    std::vector<double> a = moments();
    for (std::size_t j = 0; j < d; ++j) a[j * d + j] += penalty[j];
    return solve(a, correlations());
  }

  /// As above with one strength.
  std::vector<double> ridge(double lambda) const { return ridge(std::vector<double>(d, lambda)); }

  /// The gradient at w.
  std::vector<double> gradient(const double* w) const {
    std::vector<double> out(d, 0.0);
    for (std::size_t i = 0; i < n; ++i) {
      double residual = -y[i];
      for (std::size_t j = 0; j < d; ++j) residual += x[i * d + j] * w[j];
      for (std::size_t j = 0; j < d; ++j) out[j] += x[i * d + j] * residual / static_cast<double>(n);
    }
    return out;
  }

  /// 1/(2n) |X w - y|^2
  double loss(const std::vector<double>& w) const {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
      double residual = -y[i];
      for (std::size_t j = 0; j < d; ++j) residual += x[i * d + j] * w[j];
      sum += residual * residual;
    }
    return sum / 2 / static_cast<double>(n);
  }
};

/// X normal, y = X w + deviation times normal numbers. \param w `[d]`
inline LeastSquares regression(std::size_t n, const std::vector<double>& w, double deviation, const Rng& rng) {
  LeastSquares out{n, w.size(), std::vector<double>(n * w.size()), std::vector<double>(n)};
  for (std::size_t i = 0; i < out.x.size(); ++i) out.x[i] = rng.at("x").normal(i);
  for (std::size_t i = 0; i < n; ++i) {
    out.y[i] = deviation * rng.at("y").normal(i);
    for (std::size_t j = 0; j < w.size(); ++j) out.y[i] += out.x[i * w.size() + j] * w[j];
  }
  return out;
}

/// The weights of least squares after `steps` steps of an optimizer of Groups.
template <class Make>
std::vector<double> descend(const LeastSquares& task, Make make, int steps, const std::vector<double>& start) {
  Parameter w("w", Role::weight, Tensor::from(std::span<const double>(start), {static_cast<std::int64_t>(task.d)}));
  auto optimizer = make(alone(w));
  for (int step = 0; step < steps; ++step) {
    const std::vector<double> g = task.gradient(w.value().data<double>());
    set_gradient(w, Tensor::from(std::span<const double>(g), w.shape()));
    optimizer.step();
  }
  const double* const numbers = w.value().data<double>();
  return {numbers, numbers + task.d};
}

/// The greatest difference.
inline double farthest(const std::vector<double>& a, const std::vector<double>& b) {
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
  return worst;
}

}  // namespace ebb::toys
