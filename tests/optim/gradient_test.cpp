// Clipping, accumulation, missing and non-finite gradients; constraints after the step; no memory in steady steps.
#include "optim/gradient.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <new>

#include "optim/averaging.h"
#include "tests/optim/toys.h"
#include "tests/support/errors.h"
#include "tests/support/tensors.h"

namespace ebb::test {
namespace {

struct Two {
  std::unique_ptr<Parameter> a = parameter("a", {1, 1}), b = parameter("b", {1});
  Groups table() { return groups({a.get(), b.get()}, {{"first", path("a")}, {"second", everything_else()}}); }
  // Values after one SGD step of rate 1 from gradients (3, 0) and (4).
  std::vector<double> step(GradientOptions gradient, Decay decay = no_decay()) {
    Sgd optimizer(table(), {.lr = 1, .decay = decay, .gradient = gradient});
    set_gradient(*a, {3, 0});
    set_gradient(*b, {4});
    const Tensor before = a->grad().clone();
    optimizer.step();
    BOOST_TEST(same_bits(a->grad(), before));
    norm = optimizer.gradient_norm();
    return {a->value().at({0}), a->value().at({1}), b->value().at({0})};
  }
  double norm = 0;
};

bool near(const std::vector<double>& got, const std::vector<double>& want) {
  for (std::size_t i = 0; i < want.size(); ++i)
    if (!(std::abs(got[i] - want[i]) < 1e-14)) return false;
  return true;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(incoming_gradients)

BOOST_AUTO_TEST_CASE(clipping) {
  BOOST_TEST(near(Two().step({.clip = clip_value(2)}), {-1, 1, -1}));
  Two two;
  BOOST_TEST(near(two.step({.clip = clip_norm(2.5)}), {-0.5, 1, -1}));
  BOOST_TEST(two.norm == 5);
  BOOST_TEST(near(Two().step({.clip = clip_norm(6)}), {-2, 1, -3}));
  BOOST_TEST(near(Two().step({.clip = clip_group_norm(1)}), {0, 1, 0}));
  // Coupled decay is not seen: it joins after clipping. With with_decay it is measured and scaled too.
  BOOST_TEST(near(Two().step({.clip = clip_norm(2.5)}, coupled_l2(0.5)), {-1, 0.5, -1.5}));
  Clip all = clip_norm(1);
  all.with_decay = true;
  const double norm = std::sqrt(3.5 * 3.5 + 0.5 * 0.5 + 4.5 * 4.5);
  BOOST_TEST(near(Two().step({.clip = all}, coupled_l2(0.5)), {1 - 3.5 / norm, 1 - 0.5 / norm, 1 - 4.5 / norm}));
  BOOST_TEST(fails_with({"clip_norm"}, [] { clip_norm(0); }));
  BOOST_TEST(clip_norm(2).text() == "global_norm 2 without decay");
}

BOOST_AUTO_TEST_CASE(clipping_of_large_numbers) {
  Parameter w("w", Role::weight, Tensor::full({64}, 1));
  Sgd optimizer(groups({&w}, {{"all", everything_else()}}), {.lr = 1, .gradient = {.clip = clip_norm(8)}});
  w.accumulate(Tensor::full({64}, 1e30));
  optimizer.step();
  BOOST_TEST(close(w.value(), Tensor::zeros({64}), 0, 1e-5));
  BOOST_TEST(std::abs(optimizer.gradient_norm() / 8e30 - 1) < 1e-6);
}

BOOST_AUTO_TEST_CASE(accumulation) {
  const auto w = parameter("w", {0});
  Sgd optimizer(groups({w.get()}, {{"all", everything_else()}}),
                {.lr = 1, .decay = coupled_l2(0.5), .gradient = {.accumulate = 3}});
  w->set_value(Tensor::from({2.0}, {1}));
  for (const double g : {1.0, 2.0, 6.0}) {
    w->accumulate(Tensor::from({g}, {1}));
    BOOST_TEST(optimizer.step() == (g == 6.0));
    optimizer.zero_grad();
  }
  BOOST_TEST(std::abs(w->value().item() - (2 - 3 - 0.5 * 2)) < 1e-15);  // the mean, and decay once
  BOOST_TEST(!w->grad().defined());
  BOOST_TEST(optimizer.steps() == 1);
}

BOOST_AUTO_TEST_CASE(an_incomplete_accumulation_is_averaged_over_what_is_there) {
  const auto w = parameter("w", {0});
  Sgd optimizer(groups({w.get()}, {{"all", everything_else()}}),
                {.lr = 1, .decay = coupled_l2(0.5), .gradient = {.clip = clip_value(2.5), .accumulate = 100}});
  w->set_value(Tensor::from({2.0}, {1}));
  BOOST_TEST(!optimizer.flush());
  for (const double g : {1.0, 2.0, 9.0}) {
    w->accumulate(Tensor::from({g}, {1}));
    BOOST_TEST(!optimizer.step());
    optimizer.zero_grad();
  }
  BOOST_TEST(optimizer.flush());
  BOOST_TEST(std::abs(w->value().item() - (2 - 2.5 - 0.5 * 2)) < 1e-15);  // the mean of 4 clipped, and decay once
  BOOST_TEST(!optimizer.accumulating());
  BOOST_TEST(optimizer.steps() == 1);
  optimizer.zero_grad();
  BOOST_TEST(!w->grad().defined());
  BOOST_TEST(!optimizer.flush());
}

BOOST_AUTO_TEST_CASE(missing_gradients) {
  const auto value = [](NoGradient how) {
    const auto w = parameter("w", {1});
    Sgd optimizer(groups({w.get()}, {{"all", everything_else()}}),
                  {.lr = 0.5, .momentum = 0.5, .decay = decoupled_lr(0.5), .gradient = {.no_gradient = how}});
    set_gradient(*w, {0.5});
    optimizer.step();
    optimizer.zero_grad();
    optimizer.step();
    return w->value().item();
  };
  const double first = 1 - 0.5 * 0.5 - 0.25;
  BOOST_TEST(value(NoGradient::skip) == first);
  BOOST_TEST(value(NoGradient::decay) == first * 0.75);
  BOOST_TEST(value(NoGradient::as_zero) == first * 0.75 - 0.5 * 0.25);
  BOOST_TEST(fails_with({"no gradient for w"}, [&] { value(NoGradient::fail); }));
}

BOOST_AUTO_TEST_CASE(gradients_that_are_not_finite) {
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    Two two;
    Sgd fails(two.table(), {.lr = 1, .gradient = {.non_finite = NonFinite::fail}});
    set_gradient(*two.a, {1, 1});
    set_gradient(*two.b, {bad});
    BOOST_TEST(fails_with({"gradient of b", "step 0"}, [&] { fails.step(); }));
    BOOST_TEST(two.a->value().at({0}) == 1);
    Sgd skips(two.table(), {.lr = 1, .gradient = {.non_finite = NonFinite::skip}});
    BOOST_TEST(!skips.step());
    BOOST_TEST(skips.skipped_steps() == 1);
    BOOST_TEST(skips.steps() == 0);
    BOOST_TEST(two.a->value().at({0}) == 1);
  }
  // Not hidden by clipping or by kinds of decay.
  for (const Decay& decay : {no_decay(), decoupled_lr(0.1), elastic_net(0.1, 0.1), cautious(0.1)})
    for (const std::string& name : instruction_sets()) {
      InstructionSet use(name);
      const auto w = parameter("w", {1, 1, 1, 1, 1, 1, 1, 1, 1});
      Sgd optimizer(groups({w.get()}, {{"all", everything_else()}}),
                    {.lr = 1, .decay = decay, .gradient = {.clip = clip_value(1)}});
      Tensor g = Tensor::zeros({9}, DType::f64);
      g.mutable_data<double>()[2] = g.mutable_data<double>()[8] = std::nan("");
      set_gradient(*w, g);
      optimizer.step();
      BOOST_TEST(std::isnan(w->value().at({2})), decay.text());
      BOOST_TEST(std::isnan(w->value().at({8})), decay.text());
      BOOST_TEST(std::isfinite(w->value().at({3})), decay.text());
    }
}

BOOST_AUTO_TEST_CASE(constraints_after_the_step) {
  Parameter w("w", Role::weight, Tensor::from({3.0, 0.1, 4.0, 0.2}, {2, 2}));
  Parameter rows("rows", Role::embedding, Tensor::from({3.0, 4.0, 0.0, 0.5}, {2, 2}));
  Sgd optimizer(groups({&w, &rows}, {{"all", everything_else(), {.after_step = max_norm(1)}}}), {.lr = 0.1});
  zero_gradient(w);
  zero_gradient(rows);
  optimizer.step();
  BOOST_TEST(close(w.value(), Tensor::from({0.6, 0.1, 0.8, 0.2}, {2, 2}), 1e-15));
  BOOST_TEST(close(rows.value(), Tensor::from({0.6, 0.8, 0.0, 0.5}, {2, 2}), 1e-15));
  Sgd unit(groups({&w}, {{"all", everything_else(), {.after_step = unit_norm(2)}}}), {.lr = 0.1});
  unit.step();
  const double r = 2 / std::sqrt(0.05);
  BOOST_TEST(close(w.value(), Tensor::from({1.2, 0.1 * r, 1.6, 0.2 * r}, {2, 2}), 1e-15));
  BOOST_TEST(fails_with({"max_norm"}, [] { max_norm(-1); }));
}

// A value may be replaced by another of its shape and type; state and gradient fit no other.
BOOST_AUTO_TEST_CASE(values_of_another_shape_or_type) {
  for (const Maker& maker : makers())
    for (const Decay& decay : {no_decay(), toward_start(decoupled_lr(0.1))}) {
      const auto w = random_parameter("w", {4, 6}, 1);
      const auto optimizer = maker.make(groups({w.get()}, {{"all", everything_else()}}), decay, constant());
      const auto refuses = [&](const Tensor& value, const Tensor& gradient,
                               std::initializer_list<std::string_view> says) {
        const Tensor before = w->value().clone();
        w->zero_grad();
        w->value() = value;
        if (gradient.defined()) w->accumulate(gradient);
        BOOST_TEST(fails_with(says, [&] { optimizer->step(); }), maker.name << ' ' << decay.name);
        BOOST_TEST((!value.defined() || same_bits(w->value(), value)), maker.name);
        w->zero_grad();
        w->value() = before;
      };
      for (int step = 0; step < 2; ++step) {
        const Tensor large = random({40, 600}, 2, -1, 1, DType::f64), small = random({2, 2}, 2, -1, 1, DType::f64);
        refuses(large, large.clone(), {"w of shape [40, 600]", "[4, 6]"});
        refuses(small, small.clone(), {"w of shape [2, 2]", "[4, 6]"});
        refuses(small.reshape({4}), Tensor(), {"w of shape [4]"});
        refuses(Tensor(), Tensor(), {"w without a value"});
        set_gradient(*w, random({4, 6}, 3, -1, 1, DType::f64));
        optimizer->step();
      }
      // After the first update there is state of one type.
      const std::int64_t state = optimizer->state_bytes();
      if (state > 0 || decay.from_start) refuses(random({4, 6}, 2), random({4, 6}, 3), {"w is f32", "f64", "convert"});
      w->value() = random({4, 6}, 5, -1, 1, DType::f64);
      set_gradient(*w, random({4, 6}, 3, -1, 1, DType::f64));
      optimizer->step();
      BOOST_TEST(all_finite(w->value()));
      // A gradient from before the value was replaced.
      set_gradient(*w, random({4, 6}, 3, -1, 1, DType::f64));
      const Tensor value = w->value();
      w->value() = random({4, 6}, 2);
      if (state == 0 && !decay.from_start)
        BOOST_TEST(fails_with({"a gradient [4, 6] f64 for w", "f32", "zero_grad()"}, [&] { optimizer->step(); }));
      w->value() = value;
    }
}

BOOST_AUTO_TEST_CASE(averages_of_values_of_another_shape) {
  struct Net : Module {
    Parameter w{*this, "w", Role::weight, Tensor::zeros({3})};
    Parameter v{*this, "v", Role::weight, Tensor::zeros({3})};
  } net;
  Ema ema(net);
  net.w.value() = Tensor::full({3}, 2);
  for (const Tensor& other : {Tensor::full({300}, 1), Tensor::full({1}, 1), Tensor::full({3}, 1, DType::f64)}) {
    net.v.value() = other;
    BOOST_TEST(fails_with({"ema"}, [&] { ema.swap(); }));
    BOOST_TEST(same_bits(net.w.value(), Tensor::full({3}, 2)));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test
