// What must not change a single bit: rescaling by powers of two, exclusion, and a lambda of zero.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/optim/toys.h"
#include "tests/support/tensors.h"

namespace ebb::test {
namespace {

template <class Make>
Tensor on_the_sphere(double c, Make make) {
  const auto w = random_parameter("w", {9}, 5);
  scale(w->value(), c);
  auto optimizer = make(groups({w.get()}, {{"all", everything_else()}}));
  for (int step = 0; step < 300; ++step) {
    toys::sphere_gradient(*w);
    optimizer.step();
  }
  scale(w->value(), 1 / c);
  return w->value();
}

// Regression on inputs c x with weights w / c.
template <class Make>
Tensor with_units(double c, Make make) {
  const auto w = random_parameter("w", {5}, 6);
  scale(w->value(), 1 / c);
  auto optimizer = make(groups({w.get()}, {{"all", everything_else()}}));
  for (int step = 0; step < 200; ++step) {
    const Tensor x = random({5}, static_cast<std::uint64_t>(step), -1, 1, DType::f64);
    double out = 0;
    for (std::size_t i = 0; i < 5; ++i) out += w->value().data<double>()[i] * (c * x.data<double>()[i]);
    Tensor g = x.clone();
    for (double& v : g.mutable_span<double>()) v = (c * v) * (out - 0.5);
    set_gradient(*w, g);
    optimizer.step();
  }
  scale(w->value(), c);
  return w->value();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(what_must_not_change_a_bit)

BOOST_AUTO_TEST_CASE(rescaled_scale_invariant_weights) {
  const auto sgd = [](double c, bool coupled, double momentum) {
    return on_the_sphere(c, [=](Groups table) {
      const double strength = 0.25 / (c * c);
      return Sgd(table, {.lr = 0.125 * c * c,
                         .momentum = momentum,
                         .decay = coupled ? coupled_l2(strength) : decoupled_lr(strength)});
    });
  };
  const auto adam = [](double c, bool coupled) {
    return on_the_sphere(c, [=](Groups table) {
      return Adam(table, {.lr = 0.015625 * c,
                          .eps = 0.0009765625 / c,
                          .decay = coupled ? coupled_l2(0.25 / (c * c)) : decoupled_lr(0.25 / c)});
    });
  };
  const auto constant_decay = [](double c) {
    return on_the_sphere(c, [=](Groups table) {
      return Sgd(table, {.lr = 0.125 * c * c, .momentum = 0.9, .decay = decoupled_constant(0.03125)});
    });
  };
  for (const double c : {0.25, 8.0}) {
    for (const bool coupled : {true, false}) {
      BOOST_TEST(same_bits(sgd(c, coupled, 0), sgd(1, coupled, 0)));
      BOOST_TEST(same_bits(sgd(c, coupled, 0.9), sgd(1, coupled, 0.9)));
      BOOST_TEST(same_bits(adam(c, coupled), adam(1, coupled)));
    }
    BOOST_TEST(same_bits(constant_decay(c), constant_decay(1)));
  }
}

BOOST_AUTO_TEST_CASE(rescaled_units) {
  const auto sgd = [](double c, bool coupled) {
    return with_units(c, [=](Groups table) {
      const double strength = 0.25 * c * c;
      return Sgd(
          table,
          {.lr = 0.125 / (c * c), .momentum = 0.9, .decay = coupled ? coupled_l2(strength) : decoupled_lr(strength)});
    });
  };
  const auto adam = [](double c, bool coupled) {
    return with_units(c, [=](Groups table) {
      return Adam(table, {.lr = 0.015625 / c,
                          .eps = 0.0009765625 * c,
                          .decay = coupled ? coupled_l2(0.25 * c * c) : decoupled_lr(0.25 * c)});
    });
  };
  for (const double c : {0.5, 16.0})
    for (const bool coupled : {true, false}) {
      BOOST_TEST(same_bits(sgd(c, coupled), sgd(1, coupled)));
      BOOST_TEST(same_bits(adam(c, coupled), adam(1, coupled)));
    }
  // The square law is the objective's, not decoupled Adam's.
  const Tensor wrong = with_units(16.0, [](Groups table) {
    return Adam(table, {.lr = 0.015625 / 16, .eps = 0.0009765625 * 16, .decay = decoupled_lr(0.25 * 256)});
  });
  BOOST_TEST(!close(wrong, adam(1, false), 1e-3));
}

BOOST_AUTO_TEST_CASE(excluded_parameters_without_a_gradient) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const Maker& maker : makers()) {
      const auto decayed = random_parameter("decayed", {3, 7}, 1, dtype);
      const auto excluded = random_parameter("excluded", {3, 7}, 2, dtype);
      const Tensor before = excluded->value().clone(), other = decayed->value().clone();
      const auto optimizer =
          maker.make(groups({decayed.get(), excluded.get()},
                            {{"no decay", path("excluded"), {.decay = no_decay()}}, {"decayed", everything_else()}}),
                     decoupled_lr(0.5), constant());
      for (int step = 0; step < 20; ++step) {
        zero_gradient(*decayed);
        zero_gradient(*excluded);
        optimizer->step();
      }
      BOOST_TEST(same_bits(excluded->value(), before), maker.name << " moves what it was told not to decay");
      BOOST_TEST(!close(decayed->value(), other, 1e-2), maker.name);
    }
}

BOOST_AUTO_TEST_CASE(lambda_zero_is_no_decay) {
  const auto kinds = {
      coupled_l2(0),     decoupled_lr(0), decoupled_schedule(0), decoupled_constant(0),     corrected(0),
      stable(0),         cautious(0),     coupled_l1(0),         coupled_elastic_net(0, 0), proximal_l1(0),
      elastic_net(0, 0), proximal_l2(0),  update_l2(0)};
  for (const DType dtype : {DType::f32, DType::f64})
    for (const Maker& maker : makers()) {
      const auto run = [&](const Decay& decay) {
        const auto w = random_parameter("w", {5, 11}, 3, dtype);
        const auto optimizer = maker.make(groups({w.get()}, {{"all", everything_else()}}), decay, cosine(40));
        for (std::uint64_t step = 0; step < 20; ++step) {
          set_gradient(*w, random(w->shape(), 100 + step, -1, 1, dtype));
          optimizer->step();
        }
        return w->value();
      };
      const Tensor without = run(no_decay());
      for (const Decay& decay : kinds) BOOST_TEST(same_bits(run(decay), without), maker.name << ", " << decay.text());
    }
}

BOOST_AUTO_TEST_CASE(instruction_sets_and_threads) {
  // Threads change no bit; instruction sets agree to rounding, and so do f32 and f64.
  for (const Maker& maker : makers()) {
    const auto run = [&](DType dtype, const Decay& decay) {
      const auto w = random_parameter("w", {7, 5003}, 4, dtype);
      const auto optimizer = maker.make(groups({w.get()}, {{"all", everything_else()}}), decay, constant());
      for (std::uint64_t step = 0; step < 2; ++step) {
        Tensor g = random(w->shape(), 50 + step, 0.5, 1, DType::f64);
        set_gradient(*w, cast(g, dtype));
        optimizer->step();
      }
      return w->value();
    };
    if (maker.name == "muon") continue;  // a matrix product of this size is tested with Muon itself
    for (const Decay& decay : {decoupled_lr(0.3), coupled_l2(0.3), elastic_net(0.1, 0.2)}) {
      const Tensor exact = run(DType::f64, decay);
      for (const std::string& name : instruction_sets()) {
        InstructionSet use(name);
        BOOST_TEST(close(run(DType::f64, decay), exact, 1e-13), maker.name << ' ' << name);
        BOOST_TEST(close(cast(run(DType::f32, decay), DType::f64), exact, 2e-6), maker.name << ' ' << name);
        Threads one(1);
        const Tensor alone = run(DType::f32, decay);
        Threads three(3);
        BOOST_TEST(same_bits(run(DType::f32, decay), alone), maker.name << ' ' << name);
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test
