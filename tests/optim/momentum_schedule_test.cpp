// Momentum (beta1) that follows a schedule.
#include <boost/test/unit_test.hpp>

#include "framework/tensor/error.h"
#include "tests/optim/toys.h"
#include "tests/support/errors.h"
#include "tests/support/tensors.h"

namespace ebb::test::momentum_schedule_test {
namespace {

const Schedule halved("halved", [](std::int64_t step) { return step % 2 == 0 ? 1.0 : 0.5; });

using Make = std::function<std::unique_ptr<Optimizer>(const Groups&, const Schedule&)>;

// Every optimizer that has a momentum or beta1, here 0.8.
std::vector<std::pair<std::string, Make>> all_with_momentum() {
  const auto make = []<class O, class Options>(Options options) -> Make {
    return [options](const Groups& table, const Schedule& schedule) {
      Options o = options;
      o.momentum_schedule = schedule;
      return std::unique_ptr<Optimizer>(new O(table, o));
    };
  };
  return {{"sgd", make.operator()<Sgd>(SgdOptions{.lr = 0.1, .momentum = 0.8})},
          {"lars", make.operator()<Lars>(LarsOptions{.lr = 0.1, .momentum = 0.8})},
          {"rmsprop", make.operator()<RmsProp>(RmsPropOptions{.lr = 0.1, .momentum = 0.8})},
          {"adam", make.operator()<Adam>(AdamOptions{.lr = 0.1, .beta1 = 0.8})},
          {"nadam", make.operator()<NAdam>(NAdamOptions{.lr = 0.1, .beta1 = 0.8})},
          {"radam", make.operator()<RAdam>(RAdamOptions{.lr = 0.1, .beta1 = 0.8})},
          {"lamb", make.operator()<Lamb>(LambOptions{.lr = 0.1, .beta1 = 0.8})},
          {"lion", make.operator()<Lion>(LionOptions{.lr = 0.1, .beta1 = 0.8})},
          {"muon", make.operator()<Muon>(MuonOptions{.lr = 0.1, .momentum = 0.8})}};
}

Tensor gradient(std::uint64_t step) { return random({3, 4}, 10 + step, -1, 1, DType::f64); }

}  // namespace

BOOST_AUTO_TEST_SUITE(momentum_schedules)

BOOST_AUTO_TEST_CASE(decay_rules_and_reports_see_the_momentum_of_the_step) {
  Parameter a("a", Role::weight, random({3, 4}, 1)), b("b", Role::weight, random({3, 4}, 2));
  Sgd optimizer(groups({&a, &b}, {{"own", path("a"), {.momentum = 0.6}}, {"rest", everything_else()}}),
                {.lr = 0.1, .momentum = 0.8, .momentum_schedule = halved});
  for (const double factor : {1.0, 0.5, 1.0}) {
    BOOST_TEST(optimizer.context(0).momentum == 0.6 * factor);
    BOOST_TEST(optimizer.context(1).momentum == 0.8 * factor);
    set_gradient(a, random({3, 4}, 3));
    set_gradient(b, random({3, 4}, 4));
    optimizer.step();
  }
}

// How far, is compared with PyTorch in golden_test.cpp; here, that none forgot it.
BOOST_AUTO_TEST_CASE(every_optimizer_with_a_momentum_follows) {
  for (const auto& [name, make] : all_with_momentum()) {
    const auto run = [&, &make = make](const Schedule& schedule) {
      Parameter w("w", Role::weight, random({3, 4}, 1, -1, 1, DType::f64));
      const auto optimizer = make(Groups({&w}), schedule);
      for (std::uint64_t step = 0; step < 20; ++step) {
        set_gradient(w, gradient(step));
        optimizer->step();
      }
      return w.value().clone();
    };
    const Tensor plain = run(constant()), scheduled = run(halved);
    const Tensor same = run(Schedule("one", [](std::int64_t) { return 1.0; }));
    BOOST_TEST(same_bits(same, plain), name);
    const auto distance = [](const Tensor& x, const Tensor& y) {
      double most = 0;
      for (std::int64_t i = 0; i < x.size(); ++i)
        most = std::max(most, std::abs(x.data<double>()[i] - y.data<double>()[i]));
      return most;
    };
    const Tensor start = random({3, 4}, 1, -1, 1, DType::f64);
    BOOST_TEST(distance(plain, scheduled) > 0.01 * distance(plain, start), name << " does not follow");
  }
}

// b = mu_t b + g; w -= lr b
BOOST_AUTO_TEST_CASE(sgd_by_hand) {
  Parameter w("w", Role::weight, Tensor::from({1.0}, {1}));
  Sgd optimizer(Groups({&w}), {.lr = 0.1, .momentum = 0.8, .momentum_schedule = halved});
  double b = 0, want = 1;
  for (const double mu : {0.8, 0.4, 0.8, 0.4}) {
    set_gradient(w, {1.0});
    optimizer.step();
    b = mu * b + 1;
    want -= 0.1 * b;
    BOOST_TEST(w.value().item() == want, boost::test_tools::tolerance(1e-15));
  }
}

BOOST_AUTO_TEST_CASE(a_checkpoint_knows_the_schedule_and_no_step_changes_it) {
  Parameter w("w", Role::weight, random({3, 4}, 1, -1, 1, DType::f64));
  const auto make = [&](const Schedule& schedule) {
    return Sgd(Groups({&w}), {.lr = 0.1, .momentum = 0.8, .momentum_schedule = schedule});
  };
  Sgd first = make(one_cycle_momentum(10)), same = make(one_cycle_momentum(10)), other = make(constant());
  for (int step = 0; step < 3; ++step) {
    set_gradient(w, gradient(0));
    first.step();
  }
  BOOST_TEST(same.load_state(first.save_state()).exact());
  const OptimizerLoadReport report = other.load_state(first.save_state());
  BOOST_TEST_REQUIRE(report.changed.size() == 1u);
  BOOST_TEST(report.changed[0].find("momentum 0.8 * one_cycle_momentum(10") != std::string::npos, report.text());
}

BOOST_AUTO_TEST_CASE(a_momentum_of_one_or_more_is_refused_before_anything_changes) {
  for (const double factor : {1.25, -0.1, std::nan("")}) {
    Parameter w("w", Role::weight, random({3, 4}, 1));
    const Tensor before = w.value().clone();
    Sgd optimizer(
        Groups({&w}),
        {.lr = 0.1, .momentum = 0.8, .momentum_schedule = Schedule("x", [=](std::int64_t) { return factor; })});
    set_gradient(w, random({3, 4}, 3));
    BOOST_TEST(fails_with({"sgd", "momentum = ", "at step 0", "group \"all\"", "below 1"}, [&] { optimizer.step(); }));
    BOOST_TEST(same_bits(w.value(), before));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test::momentum_schedule_test
