// Weights whose length does not matter, as in front of a batch norm: equilibrium of their norm, and what the kinds do
// to it.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/optim/toys.h"
#include "tests/support/tensors.h"

namespace ebb::test {
namespace {

constexpr double slope = 3;

double carousel_gradient(Parameter& w) { return toys::carousel_gradient(w, slope); }

// |g| / |w| at the steps asked for.
std::vector<double> ratios(const Decay& decay, const Schedule& schedule, std::vector<int> at) {
  const auto w = parameter("w", {1, 0});
  Sgd optimizer(groups({w.get()}, {{"all", everything_else()}}), {.lr = 0.1, .schedule = schedule, .decay = decay});
  std::vector<double> out;
  for (int step = 0; step <= at.back(); ++step) {
    const double length = carousel_gradient(*w);
    if (step == at[out.size()]) out.push_back(slope / (length * length));
    optimizer.step();
  }
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(scale_invariant_weights)

BOOST_AUTO_TEST_CASE(equilibrium_norm_and_rotation) {
  const double eta = 0.1, lambda = 0.02;
  const auto w = parameter("w", {1, 0});
  Sgd optimizer(groups({w.get()}, {{"all", everything_else()}}), {.lr = eta, .decay = decoupled_lr(lambda)});
  for (int step = 0; step < 20000; ++step) {
    carousel_gradient(*w);
    optimizer.step();
  }
  const double x = w->value().at({0}), y = w->value().at({1}), length = carousel_gradient(*w);
  const double want = eta * slope * slope / (lambda * (2 - eta * lambda));
  BOOST_TEST(std::abs(std::pow(length, 4) / want - 1) < 1e-11);
  // The common approximation without eta lambda is off by far more than that.
  BOOST_TEST(std::abs(eta * slope * slope / (2 * lambda) / want - 1) > 1e-4);
  optimizer.step();
  const double cosine_of_step =
      (x * w->value().at({0}) + y * w->value().at({1})) / length / std::hypot(w->value().at({0}), w->value().at({1}));
  BOOST_TEST(std::abs(cosine_of_step - (1 - eta * lambda)) < 1e-12);
}

BOOST_AUTO_TEST_CASE(without_decay_the_rate_dies_out) {
  const auto w = parameter("w", {1, 0});
  Sgd optimizer(groups({w.get()}, {{"all", everything_else()}}), {.lr = 0.1});
  for (int step = 0; step < 10000; ++step) {
    carousel_gradient(*w);
    optimizer.step();
  }
  const double length = carousel_gradient(*w);
  BOOST_TEST(std::abs(std::pow(length, 4) / (1 + 2 * 0.01 * slope * slope * 10000) - 1) < 5e-3);
}

BOOST_AUTO_TEST_CASE(gradients_grow_at_the_end_unless_corrected) {
  const std::vector<int> at = {10000, 19900};
  const std::vector<double> usual = ratios(decoupled_lr(0.02), cosine(20000), at);
  const std::vector<double> flat = ratios(corrected(0.02), cosine(20000), at);
  BOOST_TEST(usual[1] > 2 * usual[0]);
  BOOST_TEST(std::abs(flat[1] / flat[0] - 1) < 5e-3);
  BOOST_TEST(std::abs(flat[0] / std::sqrt(2 * 0.02 / 0.1) - 1) < 5e-3);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test
