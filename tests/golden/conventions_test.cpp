// Where Ebb's conventions differ from PyTorch's: Ebb's column of the table in docs/pytorch.md.
// tests/golden/conventions.py shows PyTorch's.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "framework/nn/module.h"
#include "framework/ops/activation.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/convolution.h"
#include "framework/ops/loss.h"
#include "framework/ops/normalization.h"
#include "framework/ops/pooling.h"
#include "framework/ops/reduction.h"
#include "optim/averaging.h"
#include "optim/muon.h"
#include "optim/rmsprop.h"
#include "optim/sgd.h"
#include "tests/support/errors.h"
#include "tests/support/ops.h"

namespace ebb::test {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();

Tensor numbers(std::initializer_list<double> values, DType dtype = DType::f64) {
  return cast(Tensor::from(values, {static_cast<std::int64_t>(values.size())}), dtype);
}

double gradient_at(const std::function<Var(const Var&)>& f, double x) { return gradient_of(f, numbers({x})).at({0}); }

struct One : Module {
  Parameter w{*this, "w", Role::weight, numbers({1})};
};

Groups all_of(Parameter& p) { return groups({&p}, {{"all", everything_else()}}); }

}  // namespace

BOOST_AUTO_TEST_SUITE(conventions)

BOOST_AUTO_TEST_CASE(an_average_starts_from_the_values_it_was_made_with) {
  const auto after = [](EmaOptions options) {
    One net;
    Ema ema(net, options);
    std::vector<double> seen;
    for (const double value : {2.0, 4.0}) {
      net.w.value() = numbers({value});
      ema.update();
      seen.push_back(ema.state().at("w").at({0}));
    }
    return seen;
  };
  const std::vector<double> plain = after({.keep = 0.9, .warm_up = false}), warm = after({.keep = 0.9});
  BOOST_TEST((std::abs(plain[0] - 1.1) < 1e-12 && std::abs(plain[1] - 1.39) < 1e-12));
  BOOST_TEST(std::abs(warm[0] - (1 * 2 + 2 * 9) / 11.0) < 1e-12);
}

BOOST_AUTO_TEST_CASE(clip_norm_scales_by_limit_over_norm) {
  for (const double g : {1.0, 2.0}) {
    One net;
    Sgd optimizer(all_of(net.w), {.lr = 1, .gradient = {.clip = clip_norm(1)}});
    net.w.accumulate(numbers({g}));
    optimizer.step();
    BOOST_TEST(net.w.value().at({0}) == 0);
  }
}

BOOST_AUTO_TEST_CASE(schedules_stay_at_their_ends) {
  for (const std::int64_t step : {4, 5, 6, 8, 400}) BOOST_TEST(cosine(4)(step) == 0);
  for (const std::int64_t step : {9, 10, 400}) BOOST_TEST(one_cycle(10)(step) == 4e-6);
}

BOOST_AUTO_TEST_CASE(one_cycle_begins_at_its_peak_where_the_rise_is_shorter_than_a_step) {
  BOOST_TEST(one_cycle(5, {.rising = 0.1})(0) == 1);
  BOOST_TEST(one_cycle(5, {.rising = 0.1})(4) == 4e-6);
  // Longer ones agree: OneCycleLR of 7 steps with pct_start 0.25.
  const double theirs[] = {0.04, 0.9944154354509117, 0.8665264698111694, 0.6112620219362893, 0.31733221849885124};
  for (int step = 0; step < 5; ++step)
    BOOST_TEST(std::abs(one_cycle(7, {.rising = 0.25})(step) - theirs[step]) < 1e-12);
}

BOOST_AUTO_TEST_CASE(plateaus_of_negative_metrics_are_plateaus) {
  Plateau plateau{.options = {.factor = 0.5, .patience = 0}};
  for (int i = 0; i < 4; ++i) plateau.observe(-1);
  BOOST_TEST(plateau.multiplier == 0.125);
}

BOOST_AUTO_TEST_CASE(losses_of_nothing) {
  const Tensor none = Tensor::zeros({0, 3}), labels = Tensor::zeros({0}, DType::i64);
  BOOST_TEST(fails_with({"softmax_cross_entropy", "[0, 3]"}, [&] { softmax_cross_entropy(none, labels); }));
  BOOST_TEST(fails_with({"mse_loss", "[0]"}, [&] { mse_loss(Tensor::zeros({0}), Tensor::zeros({0})); }));
  BOOST_TEST(fails_with({"mean", "[0]"}, [&] { mean(Tensor::zeros({0})); }));
  const Tensor ignored = Tensor::from({std::int64_t{2}, std::int64_t{2}}, {2});
  BOOST_TEST(softmax_cross_entropy(Tensor::zeros({2, 3}), ignored, {.ignore_index = 2}).item() == 0);
}

BOOST_AUTO_TEST_CASE(gradients_at_nan) {
  BOOST_TEST(gradient_at([](const Var& x) { return relu(x); }, nan) == 1);
  BOOST_TEST(gradient_at([](const Var& x) { return relu6(x); }, nan) == 1);
  BOOST_TEST(gradient_at([](const Var& x) { return leaky_relu(x); }, nan) == 0.01);
  BOOST_TEST(gradient_at([](const Var& x) { return abs(x); }, nan) == 0);
  BOOST_TEST(gradient_at([](const Var& x) { return clamp(x, -1, 1); }, nan) == 0);
  BOOST_TEST(std::isnan(gradient_at([](const Var& x) { return elu(x); }, nan)));
}

BOOST_AUTO_TEST_CASE(powers_of_minus_zero) {
  const auto power = [](double exponent) { return [exponent](const Var& x) { return pow(x, exponent); }; };
  BOOST_TEST(!std::signbit(pow(numbers({-0.0}), 0.5).value().at({0})));
  BOOST_TEST(gradient_at(power(0.5), -0.0) == inf);
  BOOST_TEST(pow(numbers({-0.0}), -0.5).value().at({0}) == inf);
  BOOST_TEST(!std::signbit(gradient_at(power(1.5), -0.0)));
  BOOST_TEST(pow(numbers({-0.0}), -1).value().at({0}) == -inf);  // as PyTorch
}

BOOST_AUTO_TEST_CASE(exp_below_the_smallest_normal_number) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    const std::vector<double> single = values(exp(numbers({-87, -88, -100}, DType::f32)).value());
    BOOST_TEST((single[0] > 1.6e-38 && single[1] == 0 && single[2] == 0));
    const std::vector<double> twice = values(exp(numbers({-708, -709, -740})).value());
    BOOST_TEST((twice[0] > 3.3e-308 && twice[1] == 0 && twice[2] == 0));
    BOOST_TEST(values(softmax(numbers({0, -90}, DType::f32)).value())[1] == 0);
  }
}

BOOST_AUTO_TEST_CASE(denormal_numbers_count_as_zero) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    const Tensor small = numbers({1e-20, 1e-18}, DType::f32);
    const std::vector<double> squares = values(mul(small, small).value());
    BOOST_TEST((squares[0] == 0 && squares[1] > 0.9e-36));
    Tensor denormal = numbers({0, 1}, DType::f32);
    denormal.mutable_data<float>()[0] = 1e-39f;  // no loop wrote it
    const Tensor large = numbers({1e30, 1.0}, DType::f32);
    BOOST_TEST((values(mul(denormal, large).value()) == std::vector<double>{0, 1}));
  }
}

BOOST_AUTO_TEST_CASE(several_largest_elements_and_several_nan) {
  const auto pooled = [](const Tensor& x) {
    return gradient_of(
               [](const Var& v) {
                 return max_pool2d(v, {.kernel = {1, 4}});
               },
               x.reshape({1, 1, 4, 1}))
        .reshape({4});
  };
  BOOST_TEST(same_bits(pooled(numbers({2, 1, 2, 0})), numbers({1, 0, 0, 0})));
  BOOST_TEST(same_bits(pooled(numbers({nan, 1, nan, 0})), numbers({1, 0, 0, 0})));
  const auto whole = [](const Var& v) { return max(v); };
  BOOST_TEST(same_bits(gradient_of(whole, numbers({2, 1, 2})), numbers({1, 0, 0})));
  BOOST_TEST(same_bits(gradient_of(whole, numbers({2, nan, nan})), numbers({0, 1, 0})));
}

BOOST_AUTO_TEST_CASE(padding_that_pytorch_refuses) {
  const Tensor x = numbers({0, 1, 2, 3, 4}).reshape({1, 1, 5, 1}), ones = numbers({1, 1, 1}).reshape({1, 3, 1, 1});
  const Var strided = conv2d(x, ones, {}, {.stride = {1, 2}, .same_padding = true});
  BOOST_TEST(same_bits(strided.value().reshape({3}), numbers({1, 6, 7})));
  const Var spread = max_pool2d(x, {.kernel = {1, 3}, .padding = {0, 2}, .dilation = {1, 2}});
  BOOST_TEST(same_bits(spread.value().reshape({2}), numbers({2, 3})));
}

BOOST_AUTO_TEST_CASE(logsumexp_of_nothing_but_minus_infinity) {
  const auto f = [](const Var& v) { return logsumexp(v); };
  BOOST_TEST(f(numbers({-inf, -inf})).item() == -inf);
  BOOST_TEST(same_bits(gradient_of(f, numbers({-inf, -inf})), numbers({0, 0})));
}

BOOST_AUTO_TEST_CASE(softplus_has_no_threshold) {
  BOOST_TEST(std::abs(softplus(numbers({21})).value().at({0}) - 21 - std::log1p(std::exp(-21.0))) < 4e-15);
}

BOOST_AUTO_TEST_CASE(a_constant_channel_without_eps) {
  BatchNormState state;
  state.running_mean = Tensor::zeros({1}, DType::f64);
  state.running_variance = Tensor::full({1}, 1, DType::f64);
  const Var y = batch_norm(Tensor::full({4, 1}, 1, DType::f64), {}, {}, state, {.eps = 0});
  BOOST_TEST(same_bits(y.value(), Tensor::zeros({4, 1}, DType::f64)));
}

BOOST_AUTO_TEST_CASE(muon_of_a_tiny_gradient) {
  const auto step = [](double size) {
    Parameter w("w", Role::weight, Tensor::zeros({2, 3}));
    Muon optimizer(all_of(w), {.lr = 1});
    Tensor g = Tensor::from<float>({1, 2, 3, 4, 5, 7}, {2, 3});
    scale(g, size);
    w.accumulate(g);
    optimizer.step();
    return w.value();
  };
  BOOST_TEST(max_abs(step(1)) > 0.5);
  BOOST_TEST(close(step(1e-30), step(1), 1e-5));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test
