// A parameter without a data gradient shows decay alone: w_t = w_0 prod(1 - shrink_t) for the decoupled kinds, the
// momentum recursion for the coupled one, on every optimizer.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/optim/toys.h"
#include "tests/support/tensors.h"

namespace ebb::test::zero_gradient_test {
namespace {

constexpr int steps = 60;
constexpr double tolerance = 1e-12;

double schedule_at(int step) {
  return step < 5 ? step / 5.0 : 0.5 * (1 + std::cos(3.14159265358979323846 * (step - 5) / 55));
}

// w after `steps` steps from 1 by the given factor of each step.
template <class Factor>
double product(Factor factor) {
  double w = 1;
  for (int step = 0; step < steps; ++step) w *= factor(schedule_at(step));
  return w;
}

std::unique_ptr<Parameter> ones() {
  return std::make_unique<Parameter>("w", Role::weight, Tensor::full({4, 3}, 1, DType::f64));
}

// The weights after `steps` zero gradients from ones, all equal.
double shrunk(const Maker& maker, const Decay& decay) {
  const auto w = ones();
  const auto optimizer = maker.make(groups({w.get()}, {{"all", everything_else()}}), decay, warmup(5, cosine(55)));
  for (int step = 0; step < steps; ++step) {
    zero_gradient(*w);
    optimizer->step();
  }
  const std::vector<double> numbers = values(w->value());
  BOOST_TEST((*std::min_element(numbers.begin(), numbers.end()) == *std::max_element(numbers.begin(), numbers.end())));
  return numbers[0];
}

void check(const Maker& maker, const Decay& decay, double want) {
  const double got = shrunk(maker, decay);
  BOOST_TEST(std::abs(got - want) <= tolerance * std::abs(want),
             maker.name << " with " << decay.text() << ": " << got << " instead of " << want);
  BOOST_TEST(std::abs(1 - want) >= 1000 * tolerance, "no effect to test");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(decay_of_a_zero_gradient)

BOOST_AUTO_TEST_CASE(decoupled_kinds_on_every_optimizer) {
  for (const Maker& maker : makers()) {
    const double base = 0.1, lambda = 0.7;
    check(maker, decoupled_lr(lambda), product([=](double s) { return 1 - base * s * lambda; }));
    check(maker, decoupled_schedule(0.07), product([=](double s) { return 1 - s * 0.07; }));
    check(maker, decoupled_constant(0.02), product([](double) { return 1 - 0.02; }));
    check(maker, corrected(lambda), product([=](double s) { return 1 - lambda * base * s * s; }));
    check(maker, cautious(lambda), product([=](double s) { return 1 - base * s * lambda; }));
    check(maker, proximal_l2(lambda), product([=](double s) { return 1 / (1 + base * s * lambda); }));
    if (maker.name != "lars" && maker.name != "lamb")
      check(maker, update_l2(lambda), product([=](double s) { return 1 - base * s * lambda; }));
    // Without a second moment v_hat is 1; where there is one it is 0 here, and no decay is defined.
    if (!maker.second_moment) check(maker, stable(lambda), product([=](double s) { return 1 - base * s * lambda; }));
  }
}

BOOST_AUTO_TEST_CASE(a_kind_of_your_own_on_every_optimizer) {
  const Decay own{"decoupled_root", 0.7, [](const StepContext& s) {
                    return DecayTerms{.shrink = s.base_lr * std::sqrt(s.schedule) * s.lambda};
                  }};
  for (const Maker& maker : makers()) check(maker, own, product([](double s) { return 1 - 0.1 * 0.7 * std::sqrt(s); }));
}

BOOST_AUTO_TEST_CASE(windows_and_lambda_schedules) {
  for (const Maker& maker : makers()) {
    int step = 0;
    check(maker, decoupled_constant(0.02).from(10).until(30),
          product([&](double) { return step >= 10 && step++ < 30 ? 0.98 : (step < 10 ? (++step, 1.0) : 1.0); }));
    step = 0;
    check(maker, decoupled_constant(0.02 * exponential(0.9)),
          product([&](double) { return 1 - 0.02 * std::pow(0.9, step++); }));
  }
}

BOOST_AUTO_TEST_CASE(proximal_l1_reaches_zero_exactly) {
  for (const Maker& maker : makers()) {
    double sum = 0;
    for (int step = 0; step < steps; ++step) sum += 0.1 * schedule_at(step);
    const double part = shrunk(maker, proximal_l1(0.5 / sum));
    BOOST_TEST(std::abs(part - 0.5) <= tolerance, maker.name << ": " << part);
    BOOST_TEST(shrunk(maker, proximal_l1(1.5 / sum)) == 0, maker.name);
  }
}

BOOST_AUTO_TEST_CASE(toward_start_pulls_back) {
  for (const Maker& maker : makers()) {
    const auto w = ones();
    const auto optimizer =
        maker.make(groups({w.get()}, {{"all", everything_else()}}), toward_start(decoupled_constant(0.02)), constant());
    zero_gradient(*w);
    optimizer->step();
    BOOST_TEST(same_bits(w->value(), Tensor::full({4, 3}, 1, DType::f64)), maker.name);
    w->set_value(Tensor::full({4, 3}, 3, DType::f64));
    for (int step = 0; step < steps; ++step) {
      zero_gradient(*w);
      optimizer->step();
    }
    BOOST_TEST(close(w->value(), Tensor::full({4, 3}, 1 + 2 * std::pow(0.98, steps), DType::f64), tolerance),
               maker.name);
  }
}

BOOST_AUTO_TEST_CASE(coupled_l2_follows_the_momentum_recursion) {
  const double eta = 0.1, lambda = 0.5, mu = 0.9;
  const auto w = ones();
  Sgd optimizer(groups({w.get()}, {{"all", everything_else()}}),
                {.lr = eta, .momentum = mu, .decay = coupled_l2(lambda)});
  double before = 1, now = 1 - eta * lambda;
  for (int step = 0; step < steps; ++step) {
    zero_gradient(*w);
    optimizer.step();
    BOOST_REQUIRE(std::abs(w->value().at({0, 0}) - now) <= 1e-13);
    const double next = (1 + mu - eta * lambda) * now - mu * before;
    before = now;
    now = next;
  }
  BOOST_TEST(std::abs(now - 1) > 1000 * 1e-13);
}

BOOST_AUTO_TEST_CASE(adam_with_l2_forgets_lambda) {
  // With g = 0 and eps = 0 lambda scales m and sqrt(v) alike: the lr alone sets the speed.
  const auto run = [](Decay decay, double eps) {
    const auto w = parameter("w", {1});
    Adam optimizer(groups({w.get()}, {{"all", everything_else()}}), {.lr = 1e-3, .eps = eps, .decay = decay});
    for (int step = 0; step < 500; ++step) {
      zero_gradient(*w);
      optimizer.step();
    }
    return w->value().item();
  };
  BOOST_TEST(std::abs(run(coupled_l2(1e-6), 0) - 0.5605075233062553) < 1e-12);
  BOOST_TEST(std::abs(run(coupled_l2(1), 0) - 0.5605075233062553) < 1e-12);
  BOOST_TEST(std::abs(run(decoupled_lr(0.01), 1e-8) - std::pow(1 - 1e-5, 500)) < 1e-12);
}

BOOST_AUTO_TEST_CASE(nothing_decays_a_frozen_parameter) {
  for (const Maker& maker : makers()) {
    const auto w = ones();
    const Tensor before = w->value().clone();
    const auto optimizer = maker.make(groups({w.get()}, {{"all", everything_else()}}), decoupled_lr(0.5), constant());
    w->freeze();
    zero_gradient(*w);
    optimizer->step();
    BOOST_TEST(same_bits(w->value(), before), maker.name);
    w->unfreeze();
    optimizer->step();
    BOOST_TEST(!same_bits(w->value(), before), maker.name);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test::zero_gradient_test
