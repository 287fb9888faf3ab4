#include "lab/audit/predict.h"

#include <array>
#include <cmath>
#include <limits>
#include <numbers>

namespace ebb {
namespace {

using Kind = UpdateModel::Kind;

// Sums over the response of the weight to one gradient.
struct Response {
  double variance = 0;  // sum h_t^2
  double lagged = 0;    // sum h_t h_{t+1}
  double slowest = 1;   // largest factor by which it falls in a step
};

// With b the filter's sum and d the decay, a step is
//
//     g = e + l2 w,  b = pole b + g,  w = ((1 - shrink) w - lr (direct g + gain b)) / divide
//
// so x = (w, b) follows x = A x + x0 e, and P = E x x' solves P = x0 x0' + A P A' + A k x0' + x0 k' A', three
// equations, with k = E x e = (0, memory / pole): e is orthogonal to w, and b foresees it as far as the memory says.
std::optional<Response> response(const UpdateModel& u, const DecayTerms& terms, double lr, double l2,
                                 double memory = 0) {
  const double whole = u.direct + u.gain, keep = 1 - terms.shrink - lr * terms.l2_update;
  const double a = (keep - lr * whole * l2) / terms.divide, b = -lr * u.gain * u.pole / terms.divide;
  const double c = l2, d = u.pole;
  const double x = -lr * whole / terms.divide, y = 1;
  const double trace = a + d, determinant = a * d - b * c, inside = trace * trace / 4 - determinant;
  const double slowest = inside >= 0 ? std::abs(trace) / 2 + std::sqrt(inside) : std::sqrt(determinant);
  if (!(slowest < 1)) return {};
  // Unknowns p = sum w^2, q = sum w b, r = sum b^2, by Cramer's rule.
  const std::array<std::array<double, 3>, 3> m{
      {{1 - a * a, -2 * a * b, -b * b}, {-a * c, 1 - a * d - b * c, -b * d}, {-c * c, -2 * c * d, 1 - d * d}}};
  const double k = u.pole > 0 ? memory / u.pole : 0;
  const std::array<double, 3> right{x * x + 2 * b * k * x, x * y + b * k * y + d * k * x, y * y + 2 * d * k * y};
  const auto determinant_of = [](const std::array<std::array<double, 3>, 3>& n) {
    return n[0][0] * (n[1][1] * n[2][2] - n[1][2] * n[2][1]) - n[0][1] * (n[1][0] * n[2][2] - n[1][2] * n[2][0]) +
           n[0][2] * (n[1][0] * n[2][1] - n[1][1] * n[2][0]);
  };
  const auto solved = [&](std::size_t column) {
    auto n = m;
    for (std::size_t row = 0; row < 3; ++row) n[row][column] = right[row];
    return determinant_of(n) / determinant_of(m);
  };
  const double p = solved(0), q = solved(1);
  if (!(p > 0)) return {};
  return Response{.variance = p, .lagged = a * p + b * q, .slowest = slowest};
}

// \param feedback what the norm does to its own growth and decay multiplies the rate by this.
Equilibrium from(const Response& r, double norm, double feedback) {
  return {.norm = norm,
          .angle = std::acos(std::min(1.0, r.lagged / r.variance)),
          .relaxation = std::min(1.0, feedback * (1 - r.slowest * r.slowest))};
}

// |w|^2 = V(l2 |w| sqrt(values) / g~) values has one root, since V falls with the strength of decay.
std::optional<Equilibrium> coupled_and_normalised(const UpdateModel& u, const DecayTerms& terms, double lr,
                                                  double gradient, double values) {
  if (!(gradient > 0)) return {};
  const auto at = [&](double norm) {
    return response(u, terms, lr, terms.l2_gradient * norm * std::sqrt(values) / gradient);
  };
  // Between a hundredth and a hundred times its value to leading order in the rate of decay, by logarithms.
  const double whole = u.direct + u.gain / (1 - u.pole);
  const double near = std::log(std::cbrt(lr * whole * std::sqrt(values) * gradient / (2 * terms.l2_gradient)));
  double low = near - std::log(100.0), high = near + std::log(100.0);
  for (int i = 0; i < 100; ++i) {
    const double centre = (low + high) / 2, norm = std::exp(centre);
    const std::optional<Response> r = at(norm);
    // Decay too strong to have a response: the norm is too large.
    (r && r->variance * values > norm * norm ? low : high) = centre;
  }
  const double norm = std::exp(low);
  const std::optional<Response> r = at(norm);
  if (!r) return {};
  return from(*r, norm, 1.5);
}

std::optional<Equilibrium> signs(const UpdateModel& u, const DecayTerms& terms, double lr, double values) {
  const double a = (1 - terms.shrink - lr * terms.l2_update) / terms.divide, step = lr / terms.divide;
  if (terms.l2_gradient != 0 || !(a > 0 && a < 1)) return {};
  const double first = u.direct + u.gain, tail = u.gain * u.gain * u.pole * u.pole / (1 - u.pole * u.pole);
  const double power = first * first + tail;
  // Correlation of the signs k steps apart, k >= 1.
  const auto correlation = [&](int k) {
    const double rho = std::pow(u.pole, k) * (u.gain * first + tail) / power;
    return 2 / std::numbers::pi * std::asin(std::min(1.0, rho));
  };
  double sum = 0, next = 0, factor = 1;
  for (int k = 1; k < 100000; ++k) {
    const double r = correlation(k);
    next += factor * r;  // a^(k-1) r_k
    factor *= a;
    sum += factor * r;
    if (std::abs(r) < 1e-17) break;
  }
  const double square = step * step * values * (1 + 2 * sum) / (1 - a * a);
  const double lagged = a * square + step * step * values * next;
  return Equilibrium{
      .norm = std::sqrt(square), .angle = std::acos(std::min(1.0, lagged / square)), .relaxation = 1 - a * a};
}

}  // namespace

std::optional<Equilibrium> equilibrium(const UpdateModel& update, const DecayTerms& terms, double lr,
                                       double gradient_at_unit_norm, double values, double memory) {
  const bool decays = terms.l2_gradient > 0 || terms.l2_update > 0 || terms.shrink > 0 || terms.divide > 1;
  if (!decays || terms.cautious || terms.l1_gradient != 0 || terms.threshold != 0 || !(lr > 0)) return {};
  switch (update.kind) {
    case Kind::linear: {
      const std::optional<Response> r = response(update, terms, lr, terms.l2_gradient, memory);
      if (!r) return {};
      return from(*r, std::sqrt(std::sqrt(r->variance) * gradient_at_unit_norm), 2);
    }
    case Kind::normalised: {
      if (terms.l2_gradient != 0) return coupled_and_normalised(update, terms, lr, gradient_at_unit_norm, values);
      const std::optional<Response> r = response(update, terms, lr, 0);
      if (!r) return {};
      return from(*r, std::sqrt(r->variance * values), 1);
    }
    case Kind::sign: return signs(update, terms, lr, values);
    case Kind::orthogonal:
    case Kind::unknown: return {};
  }
  return {};
}

DecayTerms doubled(DecayTerms terms) {
  terms.l2_gradient *= 2;
  terms.l2_update *= 2;
  terms.shrink *= 2;
  terms.divide = 1 + 2 * (terms.divide - 1);
  return terms;
}

}  // namespace ebb
