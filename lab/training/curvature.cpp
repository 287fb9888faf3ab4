#include "lab/training/curvature.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "framework/compute/basic.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

using Numbers = std::vector<double>;

double product_of(const Numbers& a, const Numbers& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

std::int64_t count_of(std::span<Parameter* const> parameters, const char* where) {
  if (parameters.empty()) fail(where, "no parameters", "at least one");
  std::int64_t count = 0;
  for (const Parameter* const p : parameters) {
    if (p->value().dtype() != DType::f64) fail(where, text("parameter ", p->name(), " of another type"), "f64");
    count += p->value().size();
  }
  return count;
}

// The values of parameters, given back at the end.
class KeptValues {
 public:
  explicit KeptValues(std::span<Parameter* const> parameters) : parameters_(parameters) {
    for (const Parameter* const p : parameters) start_.push_back(p->value().clone());
  }
  ~KeptValues() { move(0, {}); }
  KeptValues(const KeptValues&) = delete;
  KeptValues& operator=(const KeptValues&) = delete;

  // start + by v
  void move(double by, const Numbers& v) {
    std::size_t place = 0;
    for (std::size_t k = 0; k < start_.size(); ++k) {
      copy_into(parameters_[k]->value(), start_[k]);
      if (by == 0) continue;
      for (double& x : parameters_[k]->value().mutable_span<double>()) x += by * v[place++];
    }
  }

 private:
  std::span<Parameter* const> parameters_;
  std::vector<Tensor> start_;
};

// Eigenvalues of a tridiagonal symmetric matrix, ascending.
Numbers tridiagonal_eigenvalues(const Numbers& diagonal, const Numbers& beside) {
  using Vector = Eigen::VectorXd;
  const auto map = [](const Numbers& numbers) {
    return Eigen::Map<const Vector>(numbers.data(), static_cast<Eigen::Index>(numbers.size()));
  };
  Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver;
  solver.computeFromTridiagonal(map(diagonal), map(beside), Eigen::EigenvaluesOnly);
  return {solver.eigenvalues().begin(), solver.eigenvalues().end()};
}

}  // namespace

std::vector<double> hessian_vector_product(std::span<Parameter* const> parameters, const std::vector<double>& v,
                                           const GradientCall& gradients, double step) {
  constexpr const char* where = "hessian_vector_product()";
  const std::int64_t count = count_of(parameters, where);
  if (static_cast<std::int64_t>(v.size()) != count)
    fail(where, text("a direction of ", v.size(), " numbers"), text(count, ", as the parameters have"));
  if (!(step > 0)) fail(where, text("a step of ", step), "a positive number");
  Numbers out(v.size(), 0.0);
  const double length = std::sqrt(product_of(v, v));
  if (length == 0) return out;
  KeptValues values(parameters);
  constexpr struct { double at, weight; } points[] = {{-2, 1}, {-1, -8}, {1, 8}, {2, -1}};
  for (const auto& [at, weight] : points) {
    values.move(at * step / length, v);
    gradients();
    std::size_t place = 0;
    for (const Parameter* const p : parameters) {
      const std::size_t begin = place;
      place += static_cast<std::size_t>(p->value().size());
      if (!p->grad().defined()) continue;
      for (std::size_t i = begin; i < place; ++i)
        out[i] += weight * length / (12 * step) * p->grad().data<double>()[i - begin];
    }
  }
  return out;
}

std::vector<double> lanczos(std::int64_t n, const SymmetricProduct& product, std::int64_t steps, const Rng& rng) {
  if (n < 1 || steps < 1) fail("lanczos()", text(steps, " steps in ", n, " rows"), "at least one of each");
  const auto rows = static_cast<std::size_t>(n);
  std::vector<Numbers> basis;
  Numbers diagonal, beside, next(rows);
  for (std::size_t i = 0; i < rows; ++i) next[i] = rng.normal(i);
  double length = std::sqrt(product_of(next, next)), scale = 0;
  while (static_cast<std::int64_t>(basis.size()) < std::min(n, steps)) {
    if (!basis.empty()) beside.push_back(length);
    for (double& x : next) x /= length;
    basis.push_back(next);
    next = product(basis.back());
    if (next.size() != rows) fail("lanczos()", text("a product of ", next.size(), " numbers"), text(n));
    const double size = std::sqrt(product_of(next, next));
    if (!std::isfinite(size)) fail("lanczos()", "a product that is not finite", "finite numbers");
    scale = std::max(scale, size);
    diagonal.push_back(product_of(next, basis.back()));
    for (int twice = 0; twice < 2; ++twice)
      for (const Numbers& before : basis) {
        const double along = product_of(next, before);
        for (std::size_t i = 0; i < rows; ++i) next[i] -= along * before[i];
      }
    length = std::sqrt(product_of(next, next));
    if (!(length > 1e-12 * scale)) break;  // what is left is rounding
  }
  beside.resize(diagonal.size() - 1);
  return tridiagonal_eigenvalues(diagonal, beside);
}

std::vector<double> hessian_eigenvalues(std::span<Parameter* const> parameters, const GradientCall& gradients,
                                        std::int64_t steps, const Rng& rng) {
  const std::int64_t count = count_of(parameters, "hessian_eigenvalues()");
  return lanczos(
      count, [&](const Numbers& v) { return hessian_vector_product(parameters, v, gradients); }, steps, rng);
}

}  // namespace ebb
