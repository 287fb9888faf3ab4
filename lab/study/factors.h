/// \file
/// Products of matrices under decay, for studies.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "framework/autograd/tape.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/matmul.h"
#include "framework/ops/reduction.h"
#include "lab/study/toys.h"
#include "optim/sgd.h"

namespace ebb::toys {

/// Columns of length 1 at right angles to each other: `[n, n]` of f64 numbers, by Gram and Schmidt.
inline Tensor orthonormal(std::int64_t n, const Rng& rng) {
  Tensor out = normals({n, n}, rng);
  double* const x = out.mutable_data<double>();
  for (std::int64_t k = 0; k < n; ++k) {
    for (int twice = 0; twice < 2; ++twice)
      for (std::int64_t j = 0; j < k; ++j) {
        double along = 0;
        for (std::int64_t i = 0; i < n; ++i) along += x[i * n + k] * x[i * n + j];
        for (std::int64_t i = 0; i < n; ++i) x[i * n + k] -= along * x[i * n + j];
      }
    double square = 0;
    for (std::int64_t i = 0; i < n; ++i) square += x[i * n + k] * x[i * n + k];
    for (std::int64_t i = 0; i < n; ++i) x[i * n + k] /= std::sqrt(square);
  }
  return out;
}

/// A square matrix of known singular vectors: p diag(values) q'.
struct Spectrum {
  Tensor p;  ///< `[n, n]`, orthonormal().
  Tensor q;  ///< As p.

  /// Random ones.
  Spectrum(std::int64_t n, const Rng& rng) : p(orthonormal(n, rng.at("p"))), q(orthonormal(n, rng.at("q"))) {}

  /// The matrix of these singular values.
  Tensor matrix(const std::vector<double>& values) const {
    const std::int64_t n = p.dim(0);
    Tensor out = Tensor::zeros({n, n}, DType::f64);
    for (std::int64_t i = 0; i < n * n; ++i)
      for (std::int64_t k = 0; k < n; ++k)
        out.mutable_data<double>()[i] += p.at({i / n, k}) * values[static_cast<std::size_t>(k)] * q.at({i % n, k});
    return out;
  }

  /// p' m q: the diagonal has the parts of m along the singular vectors.
  Tensor parts(const Tensor& m) const {
    const std::int64_t n = p.dim(0);
    Tensor out = Tensor::zeros({n, n}, DType::f64);
    for (std::int64_t a = 0; a < n * n; ++a)
      for (std::int64_t i = 0; i < n * n; ++i)
        out.mutable_data<double>()[a] += p.at({i / n, a / n}) * m.data<double>()[i] * q.at({i % n, a % n});
    return out;
  }
};

/// The product of `factors` square matrices that descent on |product - target|^2 / 2 with decoupled decay of each of
/// them comes to, from small numbers.
inline Tensor descended_product(const Tensor& target, int factors, double lambda, int steps, const Rng& rng) {
  const std::int64_t n = target.dim(0);
  std::vector<std::unique_ptr<Parameter>> owned;
  std::vector<Parameter*> all;
  for (int k = 0; k < factors; ++k) {
    Tensor start = normals({n, n}, rng.at(static_cast<std::uint64_t>(k)), 0.1);
    for (std::int64_t i = 0; i < n; ++i) start.mutable_data<double>()[i * n + i] += 0.5;
    owned.push_back(std::make_unique<Parameter>("factor" + std::to_string(k), Role::weight, start));
    all.push_back(owned.back().get());
  }
  const auto product = [&] {
    Var out(*all[0]);
    for (std::size_t k = 1; k < all.size(); ++k) out = matmul(out, Var(*all[k]));
    return out;
  };
  Sgd optimizer(groups(all, {{"all", everything_else()}}), {.lr = 0.1, .decay = decoupled_lr(lambda)});
  for (int step = 0; step < steps; ++step) {
    optimizer.zero_grad();
    Tape tape;
    tape.backward(sum(square(product() - target)) * 0.5);
    optimizer.step();
  }
  return product().value().clone();
}

}  // namespace ebb::toys
