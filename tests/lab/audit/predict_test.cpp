// Equilibria against closed forms, and against weights that are simulated.
#include "lab/audit/predict.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numbers>

#include "framework/tensor/random.h"

namespace ebb {
namespace {

using Kind = UpdateModel::Kind;

constexpr UpdateModel plain{.kind = Kind::linear, .direct = 1, .gain = 0};
UpdateModel heavy_ball(double mu) { return filtered(Kind::linear, 0, 1, mu, 1); }
UpdateModel nesterov(double mu) { return filtered(Kind::linear, 1, mu, mu, 1); }
UpdateModel adam(double beta1) { return filtered(Kind::normalised, 0, 1, beta1, 1 - beta1); }

bool near(double got, double want, double relative) { return std::abs(got - want) <= relative * std::abs(want); }

BOOST_AUTO_TEST_SUITE(equilibria)

BOOST_AUTO_TEST_CASE(of_plain_sgd) {
  const double lr = 0.1, lambda = 0.02, g = 3, s = lr * lambda;
  const Equilibrium coupled = equilibrium(plain, {.l2_gradient = lambda}, lr, g, 9).value();
  const Equilibrium decoupled = equilibrium(plain, {.shrink = s}, lr, g, 9).value();
  // |w|^2 = (1 - s)^2 |w|^2 + lr^2 g~^2 / |w|^2
  const double fourth = lr * lr * g * g / (2 * s - s * s);
  BOOST_TEST(near(std::pow(coupled.norm, 4), fourth, 1e-12));
  BOOST_TEST(near(decoupled.norm, coupled.norm, 1e-12));
  BOOST_TEST(near(decoupled.angle, std::acos(1 - s), 1e-9));
  BOOST_TEST(near(decoupled.relaxation, 2 * s - s * s, 1e-12));
}

BOOST_AUTO_TEST_CASE(of_momentum) {
  const double lr = 0.05, lambda = 0.05, mu = 0.9;
  // To leading order in lr lambda: coupled sqrt(2 lr lambda / (1 + mu)), decoupled that times 1 - mu under the root.
  const double coupled = equilibrium(heavy_ball(mu), {.l2_gradient = lambda}, lr, 1, 9).value().angle;
  const double decoupled = equilibrium(heavy_ball(mu), {.shrink = lr * lambda}, lr, 1, 9).value().angle;
  BOOST_TEST(near(coupled, std::sqrt(2 * lr * lambda / (1 + mu)), 1e-2));
  BOOST_TEST(near(decoupled, std::sqrt(2 * lr * lambda * (1 - mu) / (1 + mu)), 1e-2));
  BOOST_TEST(near(coupled, 0.0513, 1e-3));
  BOOST_TEST(near(decoupled, 0.01623, 1e-3));
  // Nesterov has nearly the same norm and turns faster.
  const Equilibrium n = equilibrium(nesterov(mu), {.shrink = lr * lambda}, lr, 1, 9).value();
  BOOST_TEST(near(n.angle, 0.01886, 1e-3));
  BOOST_TEST(near(n.norm, equilibrium(heavy_ball(mu), {.shrink = lr * lambda}, lr, 1, 9).value().norm, 1e-3));
  BOOST_TEST(near(equilibrium(nesterov(mu), {.l2_gradient = lambda}, lr, 1, 9).value().angle, 0.0596, 2e-3));
}

BOOST_AUTO_TEST_CASE(of_adamw_and_of_adam_with_l2) {
  const double lr = 2e-3, lambda = 1, beta1 = 0.9, values = 72;
  const Equilibrium w = equilibrium(adam(beta1), {.shrink = lr * lambda}, lr, 5, values).value();
  BOOST_TEST(near(w.norm, std::sqrt(lr * values / (2 * lambda)), 2e-2));
  BOOST_TEST(near(w.angle, std::sqrt(2 * lr * lambda * (1 - beta1) / (1 + beta1)), 2e-2));
  BOOST_TEST(w.norm == equilibrium(adam(beta1), {.shrink = lr * lambda}, lr, 50, values).value().norm);
  // The cube root of the gradient.
  const Equilibrium one = equilibrium(adam(beta1), {.l2_gradient = 1e-3}, 1e-4, 1, values).value();
  const Equilibrium eight = equilibrium(adam(beta1), {.l2_gradient = 1e-3}, 1e-4, 8, values).value();
  BOOST_TEST(near(eight.norm / one.norm, 2, 1e-2));
  // |w|^3 = lr sqrt(values) g~ / (2 lambda), to leading order.
  BOOST_TEST(near(std::pow(one.norm, 3), 1e-4 * std::sqrt(values) / (2 * 1e-3), 2e-2));
}

// A weight of 64 numbers under a model of update with gradients orthogonal to it; mean square norm and angle.
Equilibrium simulated(const UpdateModel& u, const DecayTerms& terms, double lr, double g) {
  constexpr int n = 64, steps = 60000, burn = 10000;
  std::vector<double> w(n, 0.1), b(n, 0.0), before(n);
  double norm2 = 0, angle2 = 0;
  for (int t = 0; t < steps; ++t) {
    double ww = 0, wg = 0, gg = 0;
    std::vector<double> e(n);
    const Rng rng = Rng(7).at(static_cast<std::uint64_t>(t));
    for (int i = 0; i < n; ++i) e[static_cast<std::size_t>(i)] = rng.normal(static_cast<std::uint64_t>(i));
    for (std::size_t i = 0; i < n; ++i) ww += w[i] * w[i], wg += w[i] * e[i];
    for (std::size_t i = 0; i < n; ++i) e[i] -= wg / ww * w[i], gg += e[i] * e[i];
    before = w;
    double next = 0, dot = 0;
    for (std::size_t i = 0; i < n; ++i) {
      // Linear kinds see gradients of norm g~ / |w|, others of unit variance.
      const double scale = u.kind == Kind::linear ? g / std::sqrt(ww * gg) : 1.0;
      const double gradient = e[i] * scale + terms.l2_gradient * w[i];
      b[i] = u.pole * b[i] + gradient;
      const double f = u.direct * gradient + u.gain * b[i];
      const double update = u.kind == Kind::sign ? (f > 0 ? 1.0 : -1.0) : f;
      w[i] = (1 - terms.shrink) * w[i] - lr * update;
      next += w[i] * w[i];
      dot += w[i] * before[i];
    }
    if (t < burn) continue;
    norm2 += ww / (steps - burn);
    const double angle = std::acos(std::min(1.0, dot / std::sqrt(ww * next)));
    angle2 += angle * angle / (steps - burn);
  }
  return {.norm = std::sqrt(norm2), .angle = std::sqrt(angle2), .relaxation = 0};
}

BOOST_AUTO_TEST_CASE(are_where_simulated_weights_rest) {
  struct Case {
    UpdateModel update;
    DecayTerms terms;
    double lr;
  };
  const UpdateModel lion = filtered(Kind::sign, 1 - 0.9 - 0.9 / 0.99 * 0.01, 0.9 / 0.99, 0.99, 0.01);
  const Case cases[] = {{plain, {.shrink = 4e-3}, 0.1},
                        {heavy_ball(0.9), {.l2_gradient = 0.02}, 0.02},
                        {nesterov(0.9), {.shrink = 4e-3}, 0.02},
                        {adam(0.9), {.shrink = 4e-3}, 4e-3},
                        {lion, {.shrink = 4e-3}, 4e-3}};
  for (const Case& c : cases) {
    const Equilibrium want = equilibrium(c.update, c.terms, c.lr, 2, 64).value();
    const Equilibrium got = simulated(c.update, c.terms, c.lr, 2);
    BOOST_TEST(near(got.norm, want.norm, 0.02), got.norm << " for " << want.norm);
    BOOST_TEST(near(got.angle, want.angle, 0.02), got.angle << " for " << want.angle);
  }
}

BOOST_AUTO_TEST_CASE(are_not_where_nothing_balances) {
  BOOST_TEST(!equilibrium(plain, {}, 0.1, 1, 9));                                    // no decay
  BOOST_TEST(!equilibrium(plain, {.shrink = 0.1, .cautious = true}, 0.1, 1, 9));     // masked
  BOOST_TEST(!equilibrium(plain, {.l1_gradient = 0.1}, 0.1, 1, 9));                  // not proportional
  BOOST_TEST(!equilibrium({.kind = Kind::unknown}, {.shrink = 0.1}, 0.1, 1, 9));     // LAMB
  BOOST_TEST(!equilibrium({.kind = Kind::orthogonal}, {.shrink = 0.1}, 0.1, 1, 9));  // Muon
  BOOST_TEST(!equilibrium(plain, {.shrink = 2.5}, 0.1, 1, 9));                       // grows
  BOOST_TEST(!equilibrium(plain, {.shrink = 0.1}, 0, 1, 9));                         // no updates
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
