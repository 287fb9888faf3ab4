// Where decay leaves weights under gradients that are noise, against closed forms: means and variances of many
// independent lanes, within four standard errors of the lanes.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/optim/toys.h"
#include "tests/support/tensors.h"

namespace ebb::test {
namespace {

// A mean over lanes with its standard error.
struct Estimate {
  double mean = 0, error = 0;

  explicit Estimate(const std::vector<double>& lanes) {
    const double n = static_cast<double>(lanes.size());
    for (const double x : lanes) mean += x / n;
    for (const double x : lanes) error += (x - mean) * (x - mean) / n / (n - 1);
    error = std::sqrt(error);
  }
  bool agrees(double want) const { return std::abs(mean - want) < 4 * error; }
};

std::ostream& operator<<(std::ostream& out, const Estimate& e) { return out << e.mean << " +- " << e.error; }

// Weights that descend (w - 1)^2 / 2 under noise: for each deviation of the noise 64 lanes, in one parameter.
struct Rests {
  std::vector<Estimate> means;
  std::vector<double> gradients;  // root mean squares
};

Rests rests(const Decay& decay, const std::vector<double>& sigmas) {
  constexpr std::size_t lanes = 64;
  constexpr int burn_in = 10000, steps = 20000;
  const Shape shape{static_cast<std::int64_t>(lanes * sigmas.size())};
  Parameter w("w", Role::weight, Tensor::full(shape, 0.7, DType::f64));
  Adam optimizer(groups({&w}, {{"all", everything_else()}}), {.lr = 2e-3, .decay = decay});
  const Rng noise(11);
  std::vector<double> means(lanes * sigmas.size(), 0.0);
  Rests out{{}, std::vector<double>(sigmas.size(), 0.0)};
  for (int step = 0; step < steps; ++step) {
    Tensor g(shape, DType::f64);
    fill_normal(g, noise.at(static_cast<std::uint64_t>(step)), 0, 1);
    double* const gs = g.mutable_data<double>();
    const double* const ws = w.value().data<double>();
    for (std::size_t i = 0; i < means.size(); ++i) gs[i] = ws[i] - 1 + sigmas[i / lanes] * gs[i];
    set_gradient(w, g);
    optimizer.step();
    if (step < burn_in) continue;
    for (std::size_t i = 0; i < means.size(); ++i) {
      out.gradients[i / lanes] += gs[i] * gs[i] / lanes / (steps - burn_in);
      means[i] += w.value().data<double>()[i] / (steps - burn_in);
    }
  }
  for (std::size_t k = 0; k < sigmas.size(); ++k) {
    const auto first = means.begin() + static_cast<std::ptrdiff_t>(k * lanes);
    out.means.emplace_back(std::vector<double>(first, first + lanes));
    out.gradients[k] = std::sqrt(out.gradients[k]);
  }
  return out;
}

// A walk under gradients that know nothing of the weights: 512 lanes, gradients of variance 1.
struct Walk {
  Estimate variance;  // of the weights
  Estimate turn;      // mean square of a step, over twice the variance: 1 - the correlation of successive weights
};

template <class Make>
Walk walk(Make make) {
  constexpr std::int64_t lanes = 512;
  constexpr int burn_in = 2000, steps = 8000;
  Parameter w("w", Role::weight, Tensor::zeros({lanes}, DType::f64));
  auto optimizer = make(groups({&w}, {{"all", everything_else()}}));
  const Rng noise(13);
  std::vector<double> squares(lanes, 0.0), moves(lanes, 0.0);
  for (int step = 0; step < steps; ++step) {
    Tensor g({lanes}, DType::f64);
    fill_normal(g, noise.at(static_cast<std::uint64_t>(step)), 0, 1);
    set_gradient(w, g);
    const Tensor before = w.value().clone();
    optimizer.step();
    if (step < burn_in) continue;
    const double *const now = w.value().data<double>(), *const last = before.data<double>();
    for (std::size_t i = 0; i < squares.size(); ++i) {
      squares[i] += now[i] * now[i] / (steps - burn_in);
      moves[i] += (now[i] - last[i]) * (now[i] - last[i]) / (steps - burn_in);
    }
  }
  const Estimate variance(squares);
  for (double& move : moves) move /= 2 * variance.mean;
  return {variance, Estimate(moves)};
}

// Mean norm of a scale-invariant weight of 48 numbers under random gradients of this size at norm one, orthogonal to
// the weight and divided by its norm as the chain rule has it.
double norm_on_the_sphere(const Decay& decay, double size) {
  constexpr std::int64_t n = 48;
  constexpr int burn_in = 4000, steps = 8000;
  Parameter w("w", Role::weight, Tensor::full({n}, 0.25, DType::f64));
  Adam optimizer(groups({&w}, {{"all", everything_else()}}), {.lr = 0.01, .beta1 = 0, .eps = 0, .decay = decay});
  const Rng noise(17);
  double sum = 0;
  for (int step = 0; step < steps; ++step) {
    Tensor g({n}, DType::f64);
    fill_normal(g, noise.at(static_cast<std::uint64_t>(step)), 0, 1);
    double *const gs = g.mutable_data<double>(), along = 0, square = 0;
    const double* const ws = w.value().data<double>();
    for (std::size_t i = 0; i < n; ++i) along += gs[i] * ws[i];
    for (std::size_t i = 0; i < n; ++i) square += ws[i] * ws[i];
    const double norm = std::sqrt(square);
    for (std::size_t i = 0; i < n; ++i) gs[i] = size * (gs[i] - along / square * ws[i]) / (norm * std::sqrt(n));
    if (step >= burn_in) sum += norm / (steps - burn_in);
    set_gradient(w, g);
    optimizer.step();
  }
  return sum;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(decay_under_gradient_noise)

BOOST_AUTO_TEST_CASE(what_adamw_minimises_under_gradient_noise) {
  // Coupled rests at 1/(1 + lambda) whatever the noise, decoupled at 1/(1 + lambda sqrt(E g^2)), where E g^2, measured,
  // is sigma^2 and a little more.
  constexpr double lambda = 0.2;
  const Rests decoupled = rests(decoupled_lr(lambda), {1, 3}), coupled = rests(coupled_l2(lambda), {1, 3});
  for (const std::size_t k : {0u, 1u}) {
    const double anisotropic = 1 / (1 + lambda * decoupled.gradients[k]), isotropic = 1 / (1 + lambda);
    BOOST_TEST(decoupled.means[k].agrees(anisotropic), decoupled.means[k] << ", not " << anisotropic);
    BOOST_TEST(coupled.means[k].agrees(isotropic), coupled.means[k] << ", not " << isotropic);
  }
  BOOST_TEST(coupled.means[1].mean - decoupled.means[1].mean >
             20 * (coupled.means[1].error + decoupled.means[1].error));
}

BOOST_AUTO_TEST_CASE(what_stable_decay_minimises_under_gradient_noise) {
  // stable divides by the root of the group's mean: alpha_i = lambda sqrt(E g_i^2 / mean E g^2).
  constexpr double lambda = 0.2;
  const Rests rest = rests(stable(lambda), {1, 4});
  const double a = rest.gradients[0], b = rest.gradients[1], mean = std::sqrt((a * a + b * b) / 2);
  for (const std::size_t k : {0u, 1u}) {
    const double want = 1 / (1 + lambda * rest.gradients[k] / mean);
    BOOST_TEST(rest.means[k].agrees(want), rest.means[k] << ", not " << want);
  }
  BOOST_TEST(rest.means[0].mean - rest.means[1].mean > 20 * (rest.means[0].error + rest.means[1].error));
}

BOOST_AUTO_TEST_CASE(momentum_scales_the_equilibrium) {
  // With momentum mu the weights are a second-order walk: roots of z^2 - (1 + mu - eta lambda) z + mu when coupled,
  // 1 - eta lambda and mu when decoupled.
  constexpr double eta = 0.1, lambda = 0.1, mu = 0.9;
  const auto sgd = [](Decay decay, double momentum) {
    return [=](Groups table) { return Sgd(table, {.lr = eta, .momentum = momentum, .decay = decay}); };
  };
  const auto check = [](const char* what, const Walk& got, double variance, double turn) {
    BOOST_TEST(got.variance.agrees(variance), what << ": variance " << got.variance << ", not " << variance);
    BOOST_TEST(got.turn.agrees(turn), what << ": turn " << got.turn << ", not " << turn);
  };
  const double a = 1 - eta * lambda, sum = 1 + mu - eta * lambda;
  const Walk plain = walk(sgd(decoupled_lr(lambda), 0)), coupled = walk(sgd(coupled_l2(lambda), mu)),
             decoupled = walk(sgd(decoupled_lr(lambda), mu));
  check("without momentum", plain, eta * eta / (1 - a * a), eta * lambda);
  check("coupled", coupled, eta * eta * (1 + mu) / ((1 - mu) * ((1 + mu) * (1 + mu) - sum * sum)),
        eta * lambda / (1 + mu));
  check("decoupled", decoupled, eta * eta * (1 + a * mu) / ((1 - a * mu) * (1 - a * a) * (1 - mu * mu)),
        1 - (a + mu) / (1 + a * mu));
  // Same lambda, and yet decoupled turns far more slowly: by lambda (1 - mu) as coupled does.
  BOOST_TEST(decoupled.variance.mean > 5 * coupled.variance.mean);
  BOOST_TEST(decoupled.turn.mean < coupled.turn.mean / 5);
}

BOOST_AUTO_TEST_CASE(adamw_turns_by_beta1) {
  constexpr double eta = 0.01, lambda = 0.5, a = 1 - eta * lambda;
  for (const double beta1 : {0.0, 0.9}) {
    const Walk got = walk([=](Groups table) {
      return AdamW(table, {.lr = eta, .beta1 = beta1, .beta2 = 0.9999, .eps = 1e-12, .decay = decoupled_lr(lambda)});
    });
    const double fresh = 1 - beta1;
    const double variance =
        eta * eta * fresh * fresh * (1 + a * beta1) / ((1 - a * beta1) * (1 - a * a) * (1 - beta1 * beta1));
    BOOST_TEST(got.variance.agrees(variance), "beta1 " << beta1 << ": " << got.variance << ", not " << variance);
    const double turn = 1 - (a + beta1) / (1 + a * beta1);
    BOOST_TEST(got.turn.agrees(turn), "beta1 " << beta1 << ": " << got.turn << ", not " << turn);
    // The common approximation sqrt(2 eta lambda) is that of beta1 = 0.
    if (beta1 > 0) BOOST_TEST(got.turn.mean < eta * lambda / 10);
  }
}

BOOST_AUTO_TEST_CASE(adamw_ignores_the_size_of_gradients_and_adam_with_l2_does_not) {
  constexpr double eta = 0.01, strong = 0.5, weak = 0.02, n = 48;
  const double adamw = norm_on_the_sphere(decoupled_lr(strong), 1);
  BOOST_TEST(norm_on_the_sphere(decoupled_lr(strong), 8) == adamw);  // powers of two: not a bit
  BOOST_TEST(std::abs(adamw / std::sqrt(eta * n / (2 * strong)) - 1) < 0.02);
  // Adam with L2: |w|^3 = eta G sqrt(C) / (2 lambda), to a few per cent.
  const auto cube = [=](double size) { return std::cbrt(eta * size * std::sqrt(n) / (2 * weak)); };
  for (const double size : {1.0, 8.0})
    BOOST_TEST(std::abs(norm_on_the_sphere(coupled_l2(weak), size) / cube(size) - 1) < 0.03);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test
