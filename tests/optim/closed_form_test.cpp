// Fixed points and trajectories that are known in closed form (see docs/weight-decay.md for their derivation).
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/optim/toys.h"
#include "tests/support/tensors.h"

namespace ebb::test::closed_form_test {
namespace {

using toys::soft;

constexpr double a = 1.3, minimum = 2, eta = 0.05, lambda = 0.3, mu = 0.9;

// Where the optimizer comes to rest on a/2 (w - minimum)^2, from `start`.
template <class Make>
double rest(Make make, int steps = 6000, double start = 0.5) {
  return toys::rest(make, a, minimum, steps, start);
}

double ridge(double alpha) { return toys::ridge(a, minimum, alpha); }

void check_rest(const char* what, double got, double want, double without = minimum) {
  constexpr double tolerance = 1e-12;
  BOOST_TEST(std::abs(got - want) <= tolerance * std::abs(want), what << ": " << got << " instead of " << want);
  BOOST_TEST(std::abs(want - without) >= 1000 * tolerance, what << " has no effect");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(decay_in_closed_form)

BOOST_AUTO_TEST_CASE(momentum_tells_them_apart_at_the_second_step) {
  const auto run = [](Decay decay, int steps) {
    const auto w = parameter("w", {0.7});
    Sgd optimizer(groups({w.get()}, {{"all", everything_else()}}), {.lr = eta, .momentum = mu, .decay = decay});
    for (int step = 0; step < steps; ++step) {
      set_gradient(*w, {0.4 + 0.1 * step});
      optimizer.step();
    }
    return w->value().item();
  };
  BOOST_TEST(std::abs(run(coupled_l2(lambda), 1) - run(decoupled_lr(lambda), 1)) < 1e-15);
  const double apart = run(coupled_l2(lambda), 2) - run(decoupled_lr(lambda), 2);
  BOOST_TEST(std::abs(apart - -eta * lambda * mu * 0.7) < 1e-15);
}

BOOST_AUTO_TEST_CASE(one_adam_step_on_two_axes) {
  // Cold start: a full step whatever lambda is. Warm state: 1 - beta1 of what a frozen preconditioner would do.
  for (const double strength : {1e-4, 1e-2}) {
    const auto w = parameter("w", {1, 1});
    Adam optimizer(groups({w.get()}, {{"all", everything_else()}}),
                   {.lr = 0.1, .eps = 0, .decay = coupled_l2(strength)});
    zero_gradient(*w);
    optimizer.step();
    BOOST_TEST(close(w->value(), Tensor::from({0.9, 0.9}, {2}), 1e-14));
  }
  const auto w = parameter("w", {1, 1});
  Adam optimizer(groups({w.get()}, {{"all", everything_else()}}), {.lr = 0.1, .eps = 0, .decay = coupled_l2(0.01)});
  OptimizerState state = optimizer.save_state();
  state.tensors["w/first_moment"] = Tensor::from({0.0, 0.0}, {2});
  state.tensors["w/second_moment"] = Tensor::from({4.0, 0.25}, {2});
  state.tensors["w/updates"] = Tensor::from({std::int64_t{1000000}}, {});
  optimizer.load_state(state);
  zero_gradient(*w);
  optimizer.step();
  const auto moved = [](double v) { return 1 - 0.1 * 0.1 * 0.01 / std::sqrt(0.999 * v + (1 - 0.999) * 1e-4); };
  BOOST_TEST(close(w->value(), Tensor::from({moved(4), moved(0.25)}, {2}), 1e-14));
}

BOOST_AUTO_TEST_CASE(one_step_of_a_frozen_preconditioner) {
  // u = D g with D = diag(0.5, 2) held fixed: coupled decay turns the weights, decoupled decay does not.
  struct Preconditioned : Optimizer {
    Preconditioned(Groups table, Decay decay) : Optimizer("preconditioned", table, {.lr = 0.1, .decay = decay}) {}
    void base_update(const Tensor& g, ParameterState&, const StepContext&, Tensor& u) override {
      u.mutable_data<double>()[0] = 0.5 * g.data<double>()[0];
      u.mutable_data<double>()[1] = 2 * g.data<double>()[1];
    }
  };
  const auto stepped = [](Decay decay) {
    const auto w = parameter("w", {1, 1});
    Preconditioned optimizer(groups({w.get()}, {{"all", everything_else()}}), decay);
    zero_gradient(*w);
    optimizer.step();
    return w->value();
  };
  const Tensor coupled = stepped(coupled_l2(0.01)), decoupled = stepped(decoupled_lr(0.01));
  BOOST_TEST(close(coupled, Tensor::from({0.9995, 0.9980}, {2}), 1e-15));
  BOOST_TEST(close(decoupled, Tensor::from({0.9990, 0.9990}, {2}), 1e-15));
  // Towards the first axis, whose step is small: away from the quiet one, which shrinks.
  const auto angle = [](const Tensor& w) { return std::atan2(w.at({1}), w.at({0})) - std::atan2(1, 1); };
  BOOST_TEST(std::abs(angle(coupled) - std::atan2(0.9980, 0.9995) + std::atan2(1, 1)) < 1e-15);
  BOOST_TEST(angle(coupled) < -7e-4);
  BOOST_TEST(angle(decoupled) == 0);
}

BOOST_AUTO_TEST_CASE(coupled_decay_alone_aligns_tasks) {
  // Two tasks' gradients on one weight: the coupled term joins them, and not monotonically in lambda; decoupled decay
  // leaves the updates as they were.
  const auto cosine_of = [](Decay decay, bool decoupled) {
    std::vector<double> moves[2];
    for (const int task : {0, 1}) {
      const auto w = parameter("w", {0, 1});
      Sgd optimizer(groups({w.get()}, {{"all", everything_else()}}), {.lr = 0.125, .decay = decay});
      set_gradient(*w, {task == 0 ? 1.0 : 0.1, 0.0});
      const double shrink = decoupled ? optimizer.terms().shrink : 0;
      optimizer.step();
      moves[task] = {w->value().at({0}), w->value().at({1}) - 1 + shrink};
    }
    return (moves[0][0] * moves[1][0] + moves[0][1] * moves[1][1]) /
           (std::hypot(moves[0][0], moves[0][1]) * std::hypot(moves[1][0], moves[1][1]));
  };
  const auto want = [](double l) { return (0.1 + l * l) / (std::hypot(1, l) * std::hypot(0.1, l)); };
  for (const double l : {0.1, 0.3, 1.0, 10.0}) {
    BOOST_TEST(std::abs(cosine_of(coupled_l2(l), false) - want(l)) < 1e-14);
    BOOST_TEST(std::abs(cosine_of(decoupled_lr(l), true) - 1) < 1e-14);
  }
  BOOST_TEST((want(0.3) < want(0.1) && want(0.3) < want(1)));
}

BOOST_AUTO_TEST_CASE(fixed_points_on_a_quadratic) {
  const auto sgd = [](Decay decay, double momentum = 0, double dampening = 0, bool nesterov = false) {
    return [=](Groups table) {
      return Sgd(table,
                 {.lr = eta, .momentum = momentum, .dampening = dampening, .nesterov = nesterov, .decay = decay});
    };
  };
  check_rest("coupled", rest(sgd(coupled_l2(lambda))), ridge(lambda));
  check_rest("coupled, momentum", rest(sgd(coupled_l2(lambda), mu)), ridge(lambda));
  check_rest("coupled, nesterov", rest(sgd(coupled_l2(lambda), mu, 0, true)), ridge(lambda));
  check_rest("decoupled_lr", rest(sgd(decoupled_lr(lambda))), ridge(lambda));
  check_rest("proximal_l2", rest(sgd(proximal_l2(lambda))), ridge(lambda));
  check_rest("decoupled_constant", rest(sgd(decoupled_constant(0.01))), ridge(0.01 / eta));
  check_rest("decoupled_lr, momentum", rest(sgd(decoupled_lr(lambda), mu)), ridge(lambda * (1 - mu)));
  check_rest("decoupled_lr, nesterov", rest(sgd(decoupled_lr(lambda), mu, 0, true)), ridge(lambda * (1 - mu)));
  for (const double tau : {0.5, 0.9})
    check_rest("decoupled_lr, dampening", rest(sgd(decoupled_lr(lambda), mu, tau)),
               ridge(lambda * (1 - mu) / (1 - tau)));
  check_rest("decoupled_constant, momentum", rest(sgd(decoupled_constant(0.01), mu)), ridge(0.01 * (1 - mu) / eta));
  check_rest("SGDW as printed", rest([](Groups table) {
               return SGDW(table, {.lr = eta, .momentum = mu, .decay = decoupled_schedule(0.01)});
             }),
             ridge(0.01 * (1 - mu) / eta));
  check_rest("update_l2, momentum", rest(sgd(update_l2(lambda), mu)), ridge(lambda * (1 - mu)));
  check_rest("toward_start", rest(sgd(toward_start(coupled_l2(lambda)))), (a * minimum + lambda * 0.5) / (a + lambda));
  // Matched timescales: lambda / (1 - mu) decoupled rests where lambda coupled does.
  check_rest("decoupled_lr, matched", rest(sgd(decoupled_lr(lambda / (1 - mu)), mu)), ridge(lambda));
  // Cautious decay leaves the unregularised minimum, within its chatter.
  BOOST_TEST(std::abs(rest(sgd(cautious(lambda))) - minimum) < eta * lambda * minimum);
  BOOST_TEST(std::abs(ridge(lambda) - minimum) > 10 * eta * lambda * minimum);
}

BOOST_AUTO_TEST_CASE(contraction_towards_the_fixed_point) {
  const auto contraction = [](Decay decay, double at_rest) {
    const auto w = parameter("w", {0.5});
    Sgd optimizer(groups({w.get()}, {{"all", everything_else()}}), {.lr = eta, .decay = decay});
    quadratic_gradient(*w, a, minimum);
    optimizer.step();
    return (w->value().item() - at_rest) / (0.5 - at_rest);
  };
  for (const Decay& decay : {coupled_l2(lambda), decoupled_lr(lambda)})
    BOOST_TEST(std::abs(contraction(decay, ridge(lambda)) - (1 - eta * (a + lambda))) < 1e-14);
  BOOST_TEST(std::abs(contraction(decoupled_constant(0.01), ridge(0.01 / eta)) - (1 - eta * a - 0.01)) < 1e-14);
  BOOST_TEST(std::abs(contraction(proximal_l2(lambda), ridge(lambda)) - (1 - eta * a) / (1 + eta * lambda)) < 1e-14);
}

BOOST_AUTO_TEST_CASE(fixed_points_along_a_schedule) {
  // Quasi-static: at a constant multiplier s the decays stand in the ratios lambda/base, lambda s/1.
  for (const double s : {1.0, 0.25}) {
    const Schedule held("held", [s](std::int64_t) { return s; });
    const auto sgd = [&](Decay decay) {
      return [=](Groups table) { return Sgd(table, {.lr = eta, .schedule = held, .decay = decay}); };
    };
    check_rest("decoupled_schedule", rest(sgd(decoupled_schedule(0.01))), ridge(0.01 / eta));
    check_rest("decoupled_constant", rest(sgd(decoupled_constant(0.01))), ridge(0.01 / (eta * s)));
    check_rest("corrected", rest(sgd(corrected(lambda))), ridge(lambda * s));
    check_rest("decoupled_lr", rest(sgd(decoupled_lr(lambda))), ridge(lambda));
  }
}

BOOST_AUTO_TEST_CASE(adamw_is_not_ridge_and_adam_with_l2_is) {
  constexpr double tolerance = 1e-9;
  for (const double eps : {0.1, 1.0})
    for (const double strength : {0.3, 0.8}) {
      const auto adam = [=](Decay decay) {
        return [=](Groups table) { return Adam(table, {.lr = 1e-2, .eps = eps, .decay = decay}); };
      };
      const double want = toys::adamw_rest(a, minimum, strength, eps);
      const double got = rest(adam(decoupled_lr(strength)), 60000);
      BOOST_TEST(std::abs(got - want) <= tolerance * want, "AdamW, eps " << eps << ": " << got << " not " << want);
      BOOST_TEST(std::abs(want - ridge(strength)) > 1000 * tolerance);
      const double coupled = rest(adam(coupled_l2(strength)), 60000);
      BOOST_TEST(std::abs(coupled - ridge(strength)) <= tolerance * coupled, "Adam + L2: " << coupled);
    }
  // eps near 0: the box |w| <= 1/lambda; Adam twitches there, so the bound is its twitch.
  const auto clipped = [](Groups table) { return Adam(table, {.lr = 1e-3, .decay = decoupled_lr(0.8)}); };
  BOOST_TEST(std::abs(rest(clipped, 60000) - 1.25) < 1e-4);
  const auto constant_decay = [](Groups table) { return Adam(table, {.lr = 1e-3, .decay = decoupled_constant(8e-4)}); };
  BOOST_TEST(std::abs(rest(constant_decay, 60000) - 1.25) < 1e-4);
}

BOOST_AUTO_TEST_CASE(the_share_of_each_update_that_stays) {
  // F16: the update of step s has weight eta_s prod_{r>s}(1 - shrink_r) in the end, the start prod(1 - shrink_r).
  constexpr int steps = 100;
  const auto schedule = [](int step) { return 0.5 * (1 + std::cos(3.14159265358979323846 * step / steps)); };
  const auto end = [&](int impulse) {
    const auto w = parameter("w", {1});
    Sgd optimizer(groups({w.get()}, {{"all", everything_else()}}),
                  {.lr = 0.1, .schedule = cosine(steps), .decay = decoupled_lr(0.4)});
    for (int step = 0; step < steps; ++step) {
      set_gradient(*w, {step == impulse ? 1.0 : 0.0});
      optimizer.step();
    }
    return w->value().item();
  };
  double start = 1;
  for (int step = 0; step < steps; ++step) start *= 1 - 0.1 * 0.4 * schedule(step);
  BOOST_TEST(std::abs(end(-1) - start) < 1e-14);
  for (const int impulse : {0, 30, 80}) {
    double weight = 0.1 * schedule(impulse);
    for (int step = impulse + 1; step < steps; ++step) weight *= 1 - 0.1 * 0.4 * schedule(step);
    BOOST_TEST(std::abs(end(-1) - end(impulse) - weight) < 1e-14);
  }
}

BOOST_AUTO_TEST_CASE(gradient_descent_on_the_way_to_ridge) {
  // F17 in the eigenbasis: w(t) = c/(s + lambda) (1 - (1 - eta (s + lambda))^t), at every t.
  const double s[] = {0.1, 1, 4}, c[] = {0.3, -2, 1};
  const auto w = parameter("w", {0, 0, 0});
  Sgd optimizer(groups({w.get()}, {{"all", everything_else()}}), {.lr = eta, .decay = coupled_l2(lambda)});
  for (int t = 1; t <= 200; ++t) {
    Tensor g({3}, DType::f64);
    for (std::size_t k = 0; k < 3; ++k) g.mutable_data<double>()[k] = s[k] * w->value().data<double>()[k] - c[k];
    set_gradient(*w, g);
    optimizer.step();
    for (std::size_t k = 0; k < 3; ++k) {
      const double want = c[k] / (s[k] + lambda) * (1 - std::pow(1 - eta * (s[k] + lambda), t));
      BOOST_REQUIRE(std::abs(w->value().data<double>()[k] - want) < 1e-13);
    }
  }
}

BOOST_AUTO_TEST_CASE(proximal_steps_rest_at_soft_thresholds) {
  const auto sgd = [](Decay decay) { return [=](Groups table) { return Sgd(table, {.lr = eta, .decay = decay}); }; };
  check_rest("l1", rest(sgd(proximal_l1(0.5))), soft(a * minimum, 0.5) / a);
  BOOST_TEST(rest(sgd(proximal_l1(3))) == 0);
  check_rest("elastic net", rest(sgd(elastic_net(0.5, 0.4))), soft(a * minimum, 0.5) / (a + 0.4));
  check_rest("subgradient far from zero", rest(sgd(coupled_l1(0.5))), soft(a * minimum, 0.5) / a);
  for (const double lr : {0.5, 0.01}) {  // whatever the lr
    const auto fast = [=](Groups table) { return Sgd(table, {.lr = lr, .decay = elastic_net(0.5, 0.4)}); };
    check_rest("elastic net at another lr", rest(fast), soft(a * minimum, 0.5) / (a + 0.4));
  }
  // The subgradient never stops at zero: it chatters in a band of width eta l1.
  const double chatter = rest(sgd(coupled_l1(3)));
  BOOST_TEST(chatter != 0);
  BOOST_TEST(std::abs(chatter) < 2 * eta * 3);
}

BOOST_AUTO_TEST_CASE(adam_with_l1_first_shrinks_what_has_small_gradients) {
  // Two weights of the same size on noise of deviation 10 and 0.1: sqrt(v) divides the same l1 by either.
  const auto w = parameter("w", {1, 1});
  Adam optimizer(groups({w.get()}, {{"all", everything_else()}}), {.lr = 1e-3, .decay = coupled_l1(0.05)});
  for (int step = 0; step < 2000; ++step) {
    const double n = step % 2 == 0 ? 1 : -1;
    set_gradient(*w, {10 * n, 0.1 * n});
    optimizer.step();
  }
  // The mean update is l1 / sqrt(v): 0.05 / 10 and 0.05 / sqrt(0.1^2 + 0.05^2).
  const double large = 1 - w->value().at({0}), small = 1 - w->value().at({1});
  BOOST_TEST(std::abs(large - 2 * 0.005) < 2e-3, large);
  BOOST_TEST(std::abs(small - 2 * 0.447) < 0.02, small);
}

BOOST_AUTO_TEST_CASE(normalized_lambda_keeps_the_timescale) {
  BOOST_TEST(std::abs(normalized_lambda(0.05, 128, 50000, 100) - 0.05 * std::sqrt(128 / 5e6)) < 1e-18);
  BOOST_TEST(std::abs(normalized_lambda(0.05, 128, 50000, 400) / normalized_lambda(0.05, 128, 50000, 100) - 0.5) <
             1e-15);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test::closed_form_test
