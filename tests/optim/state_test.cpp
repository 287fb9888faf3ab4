// Saved state, what a changed table does to it, reports, and averages of weights.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "framework/io/safetensors.h"
#include "optim/averaging.h"
#include "optim/report.h"
#include "tests/optim/toys.h"
#include "tests/support/errors.h"
#include "tests/support/tensors.h"

namespace ebb::test {
namespace {

struct Net : Module {
  Net() = default;
  Parameter weight{*this, "weight", Role::weight, random({4, 3}, 1, -1, 1, DType::f64)};
  Parameter bias{*this, "bias", Role::weight, random({1, 3}, 2, -1, 1, DType::f64)};
  Buffer mean{*this, "mean", Tensor::full({3}, 1, DType::f64)};
};

void train(Net& net, Optimizer& optimizer, std::uint64_t from, std::uint64_t to) {
  for (std::uint64_t step = from; step < to; ++step) {
    set_gradient(net.weight, random({4, 3}, 10 + step, -1, 1, DType::f64));
    if (step % 3 != 1) set_gradient(net.bias, random({1, 3}, 50 + step, -1, 1, DType::f64));
    optimizer.step();
    optimizer.zero_grad();
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(optimizer_state)

BOOST_AUTO_TEST_CASE(training_goes_on_bit_for_bit) {
  for (const Maker& maker : makers())
    for (const Decay& decay : {decoupled_lr(0.1), toward_start(coupled_l2(0.1)), stable(0.1)}) {
      Net straight, resumed;
      const auto whole = maker.make(straight, decay, warmup(3, cosine(20)));
      train(straight, *whole, 0, 14);
      const auto first = maker.make(resumed, decay, warmup(3, cosine(20)));
      train(resumed, *first, 0, 7);
      const OptimizerState saved = first->save_state();
      train(resumed, *first, 7, 8);  // the copy must not follow
      Net other;
      train(other, *maker.make(other, decay, warmup(3, cosine(20))), 0, 7);
      const auto second = maker.make(other, decay, warmup(3, cosine(20)));
      const OptimizerLoadReport report = second->load_state(saved);
      BOOST_TEST(report.exact(), report.text());
      BOOST_TEST(second->steps() == 7);
      train(other, *second, 7, 14);
      BOOST_TEST(same_bits(other.weight.value(), straight.weight.value()), maker.name << ' ' << decay.text());
      BOOST_TEST(same_bits(other.bias.value(), straight.bias.value()), maker.name << ' ' << decay.text());
    }
}

BOOST_AUTO_TEST_CASE(through_a_safetensors_file) {
  Net net;
  NAdam first(decay_weights_only(net, toward_start(coupled_l2(0.1))), {.plateau = PlateauOptions{}});
  train(net, first, 0, 5);
  first.observe(0.25);
  const OptimizerState saved = first.save_state();
  const std::vector<std::byte> bytes = serialize_safetensors(saved.tensors, saved.metadata);
  const TensorFile file = parse_safetensors(bytes, "memory");
  NAdam second(decay_weights_only(net, toward_start(coupled_l2(0.1))), {.plateau = PlateauOptions{}});
  const OptimizerLoadReport report = second.load_state({file.tensors, file.metadata});
  BOOST_TEST(report.exact(), report.text());
  BOOST_TEST(second.steps() == 5);
  for (const char* what : {"first_moment", "second_moment", "start"})
    BOOST_TEST(same_bits(second.state("weight", what), first.state("weight", what)));
}

// It has a state from its first decay on, and no update yet.
BOOST_AUTO_TEST_CASE(a_parameter_that_only_decays_goes_on_bit_for_bit) {
  const auto train_weight = [](Net& net, Optimizer& optimizer, std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t step = from; step < to; ++step) {
      set_gradient(net.weight, random({4, 3}, 10 + step, -1, 1, DType::f64));
      if (step > 7) set_gradient(net.bias, random({1, 3}, 50 + step, -1, 1, DType::f64));
      optimizer.step();
      optimizer.zero_grad();
    }
  };
  const auto make = [](Net& net) {
    return Adam(decay_weights_only(net, decoupled_lr(0.1)), {.gradient = {.no_gradient = NoGradient::decay}});
  };
  Net straight, resumed;
  Adam whole = make(straight), first = make(resumed);
  train_weight(straight, whole, 0, 14);
  train_weight(resumed, first, 0, 5);
  Adam second = make(resumed);
  const OptimizerLoadReport report = second.load_state(first.save_state());
  BOOST_TEST(report.exact(), report.text());
  train_weight(resumed, second, 5, 14);
  BOOST_TEST(same_bits(resumed.weight.value(), straight.weight.value()));
  BOOST_TEST(same_bits(resumed.bias.value(), straight.bias.value()));
}

BOOST_AUTO_TEST_CASE(state_goes_by_name) {
  Net net;
  const auto table = [&](bool swapped) {
    const GroupRule bias{"bias", path("bias"), {.decay = no_decay()}},
        rest{"rest", path("weight"), {.decay = decoupled_lr(swapped ? 0.2 : 0.1)}};
    return swapped ? groups(net, {rest, bias}) : groups(net, {bias, rest});
  };
  Adam first(table(false), {});
  train(net, first, 0, 5);
  Adam second(table(true), {});
  const OptimizerLoadReport report = second.load_state(first.save_state());
  BOOST_TEST(same_bits(second.state("weight", "second_moment"), first.state("weight", "second_moment")));
  BOOST_TEST(same_bits(second.state("bias", "first_moment"), first.state("bias", "first_moment")));
  BOOST_REQUIRE(report.changed.size() == 1);
  BOOST_TEST(report.changed[0].find("group \"rest\" was") == 0, report.text());
  // Other membership is reported by parameter.
  Adam third(groups(net, {{"rest", everything_else(), {.decay = decoupled_lr(0.1)}}}), {});
  BOOST_TEST(third.load_state(first.save_state()).text() == "changed: group of bias was \"bias\", is \"rest\"\n");
}

BOOST_AUTO_TEST_CASE(states_that_do_not_fit) {
  Net net;
  Adam adam(net, {});
  train(net, adam, 0, 3);
  OptimizerState saved = adam.save_state();
  Sgd sgd(net, {.momentum = 0.9});
  BOOST_TEST(fails_with({"\"adam\"", "\"sgd\""}, [&] { sgd.load_state(saved); }));
  OptimizerState broken = saved;
  broken.tensors["weight/first_moment"] = Tensor::zeros({2}, DType::f64);
  const Tensor before = adam.state("weight", "first_moment").clone();
  BOOST_TEST(fails_with({"weight/first_moment", "[2]", "[4, 3]"}, [&] { adam.load_state(broken); }));
  broken = saved;
  broken.tensors.erase("bias/second_moment");
  BOOST_TEST(fails_with({"bias/second_moment missing"}, [&] { adam.load_state(broken); }));
  broken = saved;
  broken.metadata["step"] = "three";
  BOOST_TEST(fails_with({"step", "three"}, [&] { adam.load_state(broken); }));
  BOOST_TEST(same_bits(adam.state("weight", "first_moment"), before));
  BOOST_TEST(adam.steps() == 3);
  saved.tensors["gone/first_moment"] = Tensor::zeros({2});
  for (const char* what : {"/first_moment", "/second_moment", "/updates"}) saved.tensors.erase(text("bias", what));
  const OptimizerLoadReport report = adam.load_state(saved);
  BOOST_TEST(report.missing == std::vector<std::string>{"bias"});
  BOOST_TEST(report.extra == std::vector<std::string>{"gone/first_moment"});
  BOOST_TEST(fails_with({"no state \"speed\""}, [&] { adam.state("weight", "speed"); }));
  BOOST_TEST(fails_with({"no parameter \"w\""}, [&] { adam.state("w", "first_moment"); }));
}

BOOST_AUTO_TEST_CASE(plateau_stands_in_the_state) {
  Net net;
  const SgdOptions options{.lr = 0.4, .plateau = PlateauOptions{.factor = 0.5, .patience = 0}};
  Sgd first(net, options), second(net, options);
  for (const double metric : {1.0, 1.0, 1.0}) first.observe(metric);
  BOOST_TEST(first.lr() == 0.1);
  second.load_state(first.save_state());
  BOOST_TEST(second.lr() == 0.1);
  Sgd without(net, {});
  BOOST_TEST(fails_with({"observe()"}, [&] { without.observe(1); }));
}

BOOST_AUTO_TEST_CASE(an_optimizer_of_your_own) {
  struct SignSgd : Optimizer {
    explicit SignSgd(Groups table, Decay decay) : Optimizer("sign_sgd", table, {.lr = 0.25, .decay = decay}) {}
    void base_update(const Tensor& gradient, ParameterState&, const StepContext&, Tensor& u) override {
      for (std::int64_t i = 0; i < u.size(); ++i) u.mutable_data<double>()[i] = gradient.data<double>()[i] > 0 ? 1 : -1;
    }
  };
  const auto run = [](Decay decay) {
    const auto w = parameter("w", {1, -1});
    SignSgd optimizer(groups({w.get()}, {{"all", everything_else()}}), decay);
    set_gradient(*w, {0.25, 0.25});
    optimizer.step();
    return w->value();
  };
  BOOST_TEST(same_bits(run(no_decay()), Tensor::from({0.75, -1.25}, {2})));
  BOOST_TEST(same_bits(run(decoupled_lr(0.5)), Tensor::from({0.625, -1.125}, {2})));
  BOOST_TEST(same_bits(run(coupled_l2(0.5)), Tensor::from({0.75, -0.75}, {2})));
  BOOST_TEST(same_bits(run(proximal_l1(0.5)), Tensor::from({0.625, -1.125}, {2})));
  const Decay own{"twice", 0.5, [](const StepContext& s) { return DecayTerms{.shrink = 2 * s.lr * s.lambda}; }};
  BOOST_TEST(same_bits(run(own), Tensor::from({0.5, -1.0}, {2})));
}

BOOST_AUTO_TEST_CASE(reports) {
  Net net;
  Sgd optimizer(groups(net, {{"no decay", path("bias"), {.decay = no_decay()}},
                             {"decayed", everything_else(), {.decay = decoupled_lr(5e-4)}}}),
                {.lr = 0.1, .schedule = cosine(100)});
  BOOST_TEST(report(optimizer) ==
             "no decay  none                1 tensor   3 values  bias\n"
             "decayed   decoupled_lr 5e-04  1 tensor  12 values  weight\n"
             "decayed: w -= lr lambda w; at the peak lr 0.1, shrink 5e-05, timescale 2e+04 steps\n");
  train(net, optimizer, 0, 1);
  const std::string long_report = report(optimizer, {.steps_per_epoch = 100, .parameters = true});
  BOOST_TEST(long_report.find("= 200 epochs") != std::string::npos, long_report);
  BOOST_TEST(long_report.find("weight     weight  decayed") != std::string::npos, long_report);
  // Every number of a parameter's line: |w| 5, |g| 2, moved by 0.25 from there, lr / ((1 - shrink) |w|^2).
  const auto known = parameter("w", {3, 4.25}, Role::bias);
  Sgd one(groups({known.get()}, {{"mine", everything_else(), {.decay = decoupled_constant(0.5)}}}), {.lr = 0.125});
  const ChangeNorms changes(one);
  known->set_value(Tensor::from({6.5, 8.0}, {2}));
  set_gradient(*known, {2, 0});
  one.step();
  BOOST_TEST(report(one, {.parameters = true, .changes = &changes})
                     .find("w          bias  mine     5    2          5.315          0.01") != std::string::npos,
             report(one, {.parameters = true, .changes = &changes}));
  Parameter small("w", Role::weight, Tensor::full({4}, 1));
  Sgd nothing(groups({&small}, {{"all", everything_else()}}), {.lr = 1e-6, .decay = decoupled_lr(1e-3)});
  BOOST_TEST(report(nothing).find("rounds to nothing in f32") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(moving_averages) {
  Net net;
  Ema average(net, {.keep = 0.75, .warm_up = false});
  const Tensor before = net.weight.value().clone();
  net.weight.set_value(Tensor::full({4, 3}, 2, DType::f64));
  average.update();
  Tensor want = before.clone();
  scale(want, 0.75);
  axpy(0.25, net.weight.value(), want);
  BOOST_TEST(close(average.state().at("weight"), want, 1e-15));
  average.swap();
  BOOST_TEST(close(net.weight.value(), want, 1e-15));
  average.swap();
  BOOST_TEST(same_bits(net.weight.value(), Tensor::full({4, 3}, 2, DType::f64)));
  BOOST_TEST(average.state().count("mean") == 1);
  Ema warm(net, {.keep = 0.999});
  warm.load_state(average.state());
  BOOST_TEST(warm.updates() == 1);
  BOOST_TEST(fails_with({"ema", "no tensor"}, [&] { warm.load_state({}); }));
}

BOOST_AUTO_TEST_CASE(averages_of_values_that_stay_are_those_values) {
  struct Large : Module {
    Parameter frozen{*this, "frozen", Role::weight, random({100'000}, 3)};
    Parameter moving{*this, "moving", Role::weight, random({64}, 4)};
  } model;
  const Tensor frozen = model.frozen.value().clone();
  Ema average(model, {.keep = 0.999});
  double wanted = model.moving.value().at({7});
  for (int t = 1; t <= 10'000; ++t) {
    model.moving.set_value(random({64}, 100 + static_cast<std::uint64_t>(t)));
    average.update();
    wanted += (1 - std::min(0.999, (1.0 + t) / (10.0 + t))) * (model.moving.value().at({7}) - wanted);
  }
  BOOST_TEST(same_bits(average.state().at("frozen"), frozen));
  // The others are the average of f32 numbers in double, but for rounding.
  BOOST_TEST(std::abs(average.state().at("moving").at({7}) - wanted) < 1e-6);
  BOOST_TEST(std::abs(wanted) > 1e-3);
}

BOOST_AUTO_TEST_CASE(averages_of_equal_weight) {
  struct Two : Module {
    Parameter moving{*this, "moving", Role::weight, random({64}, 4)};
    Parameter frozen{*this, "frozen", Role::weight, random({64}, 5)};
    Buffer mean{*this, "mean", Tensor::full({3}, -5, DType::f64)};
  } net;
  Swa average(net);
  const Tensor frozen = net.frozen.value().clone();
  double sum = 0;
  for (int t = 1; t <= 1000; ++t) {
    net.moving.set_value(random({64}, 100 + static_cast<std::uint64_t>(t), 0, 2));
    copy_into(net.mean.value(), Tensor::full({3}, t, DType::f64));
    average.update();
    sum += net.moving.value().at({7});
    if (t == 1) BOOST_TEST(same_bits(average.state().at("moving"), net.moving.value()));
  }
  const State state = average.state();
  BOOST_TEST(std::abs(state.at("moving").at({7}) - sum / 1000) < 1e-5);  // the start is not among them
  BOOST_TEST(state.at("mean").at({0}) == 500.5, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(same_bits(state.at("frozen"), frozen));
  const Tensor last = net.moving.value().clone();
  average.swap();
  BOOST_TEST(same_bits(net.moving.value(), state.at("moving")));
  average.swap();
  BOOST_TEST(same_bits(net.moving.value(), last));

  Swa other(net);
  other.load_state(state);
  BOOST_TEST(other.updates() == 1000);
  net.moving.set_value(random({64}, 3));
  average.update();
  other.update();
  BOOST_TEST(same_bits(other.state().at("moving"), average.state().at("moving")));
  BOOST_TEST(fails_with({"swa", "no tensor moving"}, [&] { other.load_state({}); }));
}

BOOST_AUTO_TEST_CASE(lookahead) {
  const auto w = parameter("w", {0});
  Sgd optimizer(groups({w.get()}, {{"all", everything_else()}}), {.lr = 1});
  Lookahead slow(optimizer, {.every = 2, .alpha = 0.5});
  std::vector<double> path;
  for (int step = 0; step < 4; ++step) {
    set_gradient(*w, {-1});
    optimizer.step();
    slow.update();
    path.push_back(w->value().item());
  }
  BOOST_TEST(path == (std::vector<double>{1, 1, 2, 2}));
  BOOST_TEST(fails_with({"lookahead"}, [&] { Lookahead(optimizer, {.every = 0}); }));
}

BOOST_AUTO_TEST_CASE(orthogonalised_matrices) {
  const Tensor wide = random({3, 5}, 9, -1, 1, DType::f64);
  const auto singular_like = [](const Tensor& y, std::int64_t side, bool tall) {
    // The Gram matrix of the shorter side is near the identity: eigenvalues within Newton-Schulz's band.
    double trace = 0;
    for (std::int64_t i = 0; i < side; ++i)
      for (std::int64_t k = 0; k < y.size() / side; ++k) {
        const double v = tall ? y.at({k, i}) : y.at({i, k});
        trace += v * v;
      }
    return trace / static_cast<double>(side);
  };
  BOOST_TEST(std::abs(singular_like(orthogonalized(wide), 3, false) - 1) < 0.35);
  BOOST_TEST(std::abs(singular_like(orthogonalized(wide.reshape({5, 3})), 3, true) - 1) < 0.35);
  BOOST_TEST(max_abs(orthogonalized(Tensor::zeros({2, 2}))) == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test
