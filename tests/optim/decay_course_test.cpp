// What is said ahead of decay is what the optimizers then do to a weight without gradient, in f64.
#include "optim/decay_course.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <ctime>
#include <set>

#include "optim/adam.h"
#include "optim/report.h"
#include "optim/sgd.h"
#include "tests/optim/toys.h"
#include "tests/support/instrumented.h"
#include "tests/support/tensors.h"

namespace ebb::test::decay_course_test {
namespace {

constexpr std::int64_t steps = 60;
constexpr double tolerance = 1e-12;

Schedule course_of_lr() { return warmup(5, cosine(55)); }

// A kind with what it is called in messages of this test.
std::vector<Decay> kinds() {
  return {coupled_l2(0.02),
          decoupled_lr(0.7),
          decoupled_schedule(0.07),
          decoupled_constant(0.02),
          corrected(0.7),
          stable(0.7),
          cautious(0.7),
          proximal_l2(0.7),
          update_l2(0.7),
          coupled_l2(0.02 * cosine(60)).from(7),
          decoupled_lr(0.7 * polynomial(60)).from(3).until(41),
          coupled_l2(0.02).until(30),
          toward_start(decoupled_constant(0.02)),
          {"decoupled_root", 0.7,
           [](const StepContext& s) { return DecayTerms{.shrink = s.base_lr * std::sqrt(s.schedule) * s.lambda}; }}};
}

bool coupled(const Decay& decay) { return decay.name == "coupled_l2"; }

// Whether no number exists, by the name of the optimizer.
bool gradients_decide(const Maker& maker, const Decay& decay) {
  const bool sgd =
      maker.name == "sgd" || maker.name == "momentum" || maker.name == "dampened" || maker.name == "nesterov";
  const std::set<std::string> unknown{"lars", "lamb", "adagrad", "adadelta", "amsgrad", "sgdp", "adamp"};
  return (coupled(decay) && !sgd) || (decay.name == "update_l2" && unknown.count(maker.name) > 0) ||
         (decay.name == "stable" && (maker.second_moment || unknown.count(maker.name) > 0));
}

// One parameter of the given values in a group "all", and its optimizer.
struct One {
  One(const Maker& maker, const Decay& decay, std::vector<double> values)
      : w("w", Role::weight, Tensor::from<double>(values, {static_cast<std::int64_t>(values.size()), 1})),
        optimizer(maker.make(groups({&w}, {{"all", everything_else()}}), decay, course_of_lr())) {}

  void run(std::int64_t count) {
    for (std::int64_t step = 0; step < count; ++step) {
      zero_gradient(w);
      optimizer->step();
    }
  }
  Parameter w;
  std::unique_ptr<Optimizer> optimizer;
};

std::string line_of(const Optimizer& optimizer, ReportOptions options) {
  const std::string all = report(optimizer, options);
  const std::size_t begin = all.find("\nall: ");
  return begin == std::string::npos ? all : all.substr(begin + 1, all.find('\n', begin + 1) - begin - 1);
}

BOOST_AUTO_TEST_SUITE(decay_courses)

// Of every kind, the divisor of the proximal step included, the share is what a step without gradient takes.
BOOST_AUTO_TEST_CASE(a_share_is_what_a_step_takes) {
  constexpr double lr = 0.1;
  const auto shares = [&](const Decay& decay, double momentum) {
    Parameter w("w", Role::weight, Tensor::from<double>({2.0}, {1, 1}));
    Sgd sgd(groups({&w}, {{"all", everything_else()}}), {.lr = lr, .momentum = momentum, .decay = decay});
    const double before = w.value().item(), said = decay_course(sgd, 0, 1).shrink;
    BOOST_TEST(said == shrink_of(sgd.update_model(), sgd.terms(), lr));
    zero_gradient(w);
    sgd.step();
    return std::pair{said, 1 - w.value().item() / before};
  };
  const Decay both{"both", 2.0, [](const StepContext& s) {
                     return DecayTerms{.shrink = s.lr * s.lambda, .divide = 1 + s.lr * s.lambda};
                   }};
  for (const Decay& decay : {coupled_l2(3), decoupled_lr(3), proximal_l2(3), update_l2(3), both}) {
    const auto [said, taken] = shares(decay, 0);
    BOOST_TEST(std::abs(said - taken) < 1e-14, decay << ": " << said << " for " << taken);
    BOOST_TEST(taken > 0.2);
  }
  // Behind momentum in the long run.
  BOOST_TEST(std::abs(shares(coupled_l2(0.3), 0.9).first - lr * 0.3 * 10) < 1e-14);
  // Behind a second moment nobody can say.
  Parameter w("w", Role::weight, Tensor::from<double>({2.0}, {1, 1}));
  const Adam adam(groups({&w}, {{"all", everything_else()}}), {.decay = coupled_l2(0.1)});
  BOOST_TEST(std::isnan(shrink_of(adam.update_model(), adam.terms(), lr)));
}

BOOST_AUTO_TEST_CASE(what_is_left_of_a_weight_without_gradient_is_what_the_optimizer_leaves) {
  int known = 0;
  for (const Maker& maker : makers())
    for (const Decay& decay : kinds()) {
      One one(maker, decay, {1, -2});
      const DecayCourse course = decay_course(*one.optimizer, 0, steps);
      BOOST_TEST_INFO(maker.name << " with " << decay.text());
      BOOST_TEST(course.depends == gradients_decide(maker, decay));
      BOOST_TEST(course.left.has_value() == !course.depends);
      BOOST_TEST(!course.reach.has_value());
      if (!course.left) continue;
      ++known;
      if (decay.from_start) {  // of the distance from the start
        one.run(1);
        one.w.set_value(Tensor::from({2.0, -1.0}, {2, 1}));
        one.run(steps - 1);
        const double first = 1 - 0.02;  // the first step saw no distance
        BOOST_TEST(std::abs(one.w.value().at({0, 0}) - 1 - *course.left / first) <= tolerance);
      } else {
        one.run(steps);
        BOOST_TEST(std::abs(one.w.value().at({0, 0}) - *course.left) <= tolerance * std::abs(*course.left));
        BOOST_TEST(std::abs(one.w.value().at({1, 0}) + 2 * *course.left) <= 2 * tolerance * std::abs(*course.left));
      }
      BOOST_TEST(std::abs(1 - *course.left) >= 1000 * tolerance, "no effect to test");
    }
  BOOST_TEST(known > 150);
}

BOOST_AUTO_TEST_CASE(momentum_that_follows_a_schedule_is_followed) {
  for (const bool nesterov : {false, true})
    for (const double dampening : {0.0, 0.5, 1.0}) {
      if (nesterov && dampening > 0) continue;
      Parameter w("w", Role::weight, Tensor::full({1, 1}, 1, DType::f64));
      Sgd optimizer(groups({&w}, {{"all", everything_else()}}), {.lr = 0.1,
                                                                 .momentum = 0.9,
                                                                 .dampening = dampening,
                                                                 .nesterov = nesterov,
                                                                 .schedule = course_of_lr(),
                                                                 .momentum_schedule = cosine(60, 0.5),
                                                                 .decay = coupled_l2(0.02)});
      const double left = decay_course(optimizer, 0, steps).left.value();
      for (std::int64_t step = 0; step < steps; ++step) {
        zero_gradient(w);
        optimizer.step();
      }
      BOOST_TEST(std::abs(w.value().item() - left) <= tolerance);
      BOOST_TEST(1 - left > 1000 * tolerance);
    }
}

BOOST_AUTO_TEST_CASE(weights_within_reach_of_l1_end_at_zero_and_no_others) {
  for (const Maker& maker : makers())
    for (const Decay& decay : {proximal_l1(0.01), elastic_net(0.01, 0.3), proximal_l1(0.01 * cosine(60)).from(9)}) {
      const DecayCourse course = decay_course(*One(maker, decay, {1}).optimizer, 0, steps);
      BOOST_TEST_INFO(maker.name << " with " << decay.text());
      BOOST_REQUIRE(course.reach.has_value());
      const double reach = *course.reach;
      One one(maker, decay, {reach * 0.999, -reach * 0.999, reach * 1.001, 3 * reach});
      one.run(steps);
      const std::vector<double> ends = values(one.w.value());
      BOOST_TEST(ends[0] == 0);
      BOOST_TEST(ends[1] == 0);
      BOOST_TEST(ends[2] > 0);
      BOOST_TEST(std::abs(ends[3] - 2 * reach * *course.left) <= tolerance * reach);
      BOOST_TEST(reach > 1000 * tolerance);
    }
  for (const Maker& maker : makers())
    for (const Decay& decay : {coupled_l1(1e-3), coupled_elastic_net(1e-3, 0.02)}) {
      const DecayCourse course = decay_course(*One(maker, decay, {1}).optimizer, 0, steps);
      const bool plain = !gradients_decide(maker, coupled_l2(1));
      BOOST_TEST_INFO(maker.name << " with " << decay.text());
      BOOST_TEST(course.depends == !plain);
      BOOST_TEST(course.reach.has_value() == plain);
      if (!plain) continue;
      One one(maker, decay, {3 * *course.reach});
      one.run(steps);
      BOOST_TEST(std::abs(one.w.value().item() - 2 * *course.reach * *course.left) <= tolerance);
    }
}

BOOST_AUTO_TEST_CASE(the_peak_is_that_of_the_run_and_stays_the_same_along_it) {
  for (const Maker& maker : {makers()[0], makers()[1], makers()[3], makers()[7]}) {
    One one(maker, decoupled_lr(0.5), {1});
    const DecayCourse before = decay_course(*one.optimizer, 0, steps);
    BOOST_TEST(before.lr == 0.1);
    BOOST_TEST(before.shrink == 0.05);
    BOOST_TEST(before.step == 5);
    const std::string line = line_of(*one.optimizer, {.steps_per_epoch = 10, .steps = steps});
    BOOST_TEST(line.find("at the peak lr 0.1, shrink 0.05, timescale 20 steps = 2 epochs; ") != std::string::npos,
               line);
    BOOST_TEST(line.find(" % of a weight without gradient is left after 60 steps") != std::string::npos, line);
    // Without the length of the run: where all multipliers are 1. A schedule that starts at 0 is none the worse.
    BOOST_TEST(line_of(*one.optimizer, {}) ==
               "all: w -= lr lambda w; at the peak lr 0.1, shrink 0.05, timescale 20 steps");
    one.run(37);
    BOOST_TEST(line_of(*one.optimizer, {.steps_per_epoch = 10, .steps = steps}) == line);
    One again(maker, decoupled_lr(0.5), {1});
    again.optimizer->load_state(one.optimizer->save_state());
    BOOST_TEST(line_of(*again.optimizer, {.steps_per_epoch = 10, .steps = steps}) == line);
  }
  Parameter w("w", Role::weight, Tensor::full({2}, 1));
  Sgd plateau(groups({&w}, {{"all", everything_else()}}),
              {.lr = 0.1, .decay = decoupled_lr(0.5), .plateau = PlateauOptions{.patience = 0}});
  const std::string line = line_of(plateau, {.steps = steps});
  plateau.observe(1);
  plateau.observe(1);
  BOOST_TEST(plateau.lr() < 0.02);
  BOOST_TEST(line_of(plateau, {.steps = steps}) == line);
}

BOOST_AUTO_TEST_CASE(reports_say_what_momentum_makes_of_coupled_decay_and_what_nobody_knows) {
  const auto line = [](const char* name, const Decay& decay) {
    for (const Maker& maker : makers())
      if (maker.name == name) return line_of(*One(maker, decay, {1}).optimizer, {.steps = steps});
    return std::string("no such optimizer");
  };
  const auto has = [&](const char* name, const Decay& decay, const char* part) {
    const std::string got = line(name, decay);
    BOOST_TEST(got.find(part) != std::string::npos, "no \"" << part << "\" in: " << got);
  };
  has("sgd", coupled_l2(0.02), "lr 0.1, shrink 0.002, timescale 500 steps; ");
  has("momentum", coupled_l2(0.02), "shrink 0.02 with momentum, as decoupled_lr 0.2, timescale 50 steps; ");
  has("nesterov", coupled_l2(0.02), "shrink 0.02 with momentum, as decoupled_lr 0.2, timescale 50 steps; ");
  has("dampened", coupled_l2(0.02), "shrink 0.01 with momentum, as decoupled_lr 0.1, timescale 100 steps; ");
  for (const char* const name : {"adam", "nadam", "lion", "muon", "adagrad", "rmsprop"}) {
    has(name, coupled_l2(0.02), "; no shrink and no timescale known ahead: ");
    has(name, coupled_l2(0.02), " rescales gradients or updates, and this pull among them");
    BOOST_TEST(line(name, coupled_l2(0.02)).find("is left") == std::string::npos);
  }
  has("lars", update_l2(0.02), "lars rescales gradients or updates, and this pull among them");
  has("adam", stable(0.02), "they depend on the second moment of the gradients");
  has("sgd", proximal_l1(0.01), ", L1 takes 0.001 a step; without gradient a weight up to 0.0");
  has("adam", decoupled_lr(0.5).from(60), "at the peak lr 0.1, nothing in this run");
  has("adam", decoupled_lr(0.0), "nothing in this run");
  has("adam", decoupled_lr(0.5).from(59),
      "shrink 4.077e-05, timescale 2.453e+04 steps; all but 0.004077 % of a weight");
  has("adam", toward_start(decoupled_lr(0.5)), " % of a distance from the start without gradient is left");
  has("sgd", decoupled_lr(40), "; a weight without gradient ends at ");
}

BOOST_AUTO_TEST_CASE(the_length_of_a_run_does_not_delay_its_header) {
  const auto w = parameter("w", {1});
  Sgd optimizer(groups({w.get()}, {{"all", everything_else()}}),
                {.lr = 0.1, .momentum = 0.9, .decay = decoupled_lr(1e-10)});
  Sgd with_momentum(groups({w.get()}, {{"all", everything_else()}}),
                    {.lr = 0.1, .momentum = 0.9, .decay = coupled_l2(1e-11)});
  const std::clock_t start = std::clock();
  for (const Sgd* const each : {&optimizer, &with_momentum}) {
    const DecayCourse course = decay_course(*each, 0, 30'000'000'000);
    BOOST_TEST(course.rounded);
    BOOST_TEST(std::abs(*course.left - std::exp(-0.3)) < 1e-9);
    BOOST_TEST(line_of(*each, {.steps = 30'000'000'000}).find("; about ") != std::string::npos);
  }
  BOOST_TEST(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC < (instrumented ? 150 : 5));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(decay_warnings_at_the_start)

BOOST_AUTO_TEST_CASE(a_shrink_of_one_and_more_names_the_group_and_what_it_does) {
  const auto w = parameter("w", {1}), b = parameter("b", {1});
  const auto warnings = [&](double lr, double momentum, const Decay& decay) {
    const Sgd optimizer(groups({w.get(), b.get()}, {{"biases", path("b"), {.decay = no_decay()}},
                                                    {"decayed", everything_else(), {.decay = decay}}}),
                        {.lr = lr, .momentum = momentum, .schedule = warmup(5, cosine(55))});
    std::string all;
    for (const std::string& warning : decay_warnings(optimizer, steps)) all += warning + '\n';
    return all;
  };
  BOOST_TEST(warnings(1, 0.9, decoupled_lr(4)) ==
             "group \"decayed\": decoupled_lr 4 takes 4 times each weight off it at step 5: it multiplies them by -3, "
             "and they "
             "grow without bound; lower lambda or the lr\n");
  BOOST_TEST(warnings(1, 0.9, decoupled_lr(0.999)).empty());
  BOOST_TEST(warnings(1, 0.9, decoupled_lr(1)).find("multiplies them by 0; ") != std::string::npos);
  BOOST_TEST(warnings(1, 0.9, decoupled_lr(1.5)).find("multiplies them by -0.5; ") != std::string::npos);
  BOOST_TEST(warnings(0.1, 0.9, coupled_l2(0.9)).empty());
  BOOST_TEST(warnings(0.1, 0.9, coupled_l2(2)).find("momentum counted: weights swing through 0; ") !=
             std::string::npos);
  BOOST_TEST(warnings(0.1, 0, coupled_l2(20)).find("multiplies them by -1; ") != std::string::npos);
  BOOST_TEST(warnings(1, 0.9, proximal_l2(100)).empty());
  BOOST_TEST(warnings(1, 0.9, decoupled_lr(4).from(60)).empty());
}

// Whether it grows is what the optimizers do.
BOOST_AUTO_TEST_CASE(what_is_said_to_grow_grows) {
  int grown = 0, shrunk = 0;
  for (const Maker& maker : makers())
    for (const double strength : {0.1, 1.0, 1.9, 2.1, 3.0, 3.7, 3.9, 6.0})
      for (const Decay& decay : {decoupled_lr(10 * strength), coupled_l2(10 * strength)}) {
        if (gradients_decide(maker, decay)) continue;
        Parameter w("w", Role::weight, Tensor::full({1, 1}, 1, DType::f64));
        const auto optimizer = maker.make(groups({&w}, {{"all", everything_else()}}), decay, constant());
        const bool said = decay_course(*optimizer, 0, 2000).grows;
        for (int step = 0; step < 2000 && std::isfinite(w.value().item()); ++step) {
          zero_gradient(w);
          optimizer->step();
        }
        const bool grows = !(std::abs(w.value().item()) < 1);
        BOOST_TEST(said == grows, maker.name << " with " << decay.text() << ": " << w.value().item());
        (grows ? grown : shrunk) += 1;
      }
  BOOST_TEST(grown > 50);
  BOOST_TEST(shrunk > 50);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::test::decay_course_test
