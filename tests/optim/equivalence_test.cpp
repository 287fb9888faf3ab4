// Where two ways to decay are one: a penalty in the loss and coupled L2, and, for SGD without momentum, decoupled
// decay.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/linear.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/loss.h"
#include "framework/ops/matmul.h"
#include "framework/ops/penalty.h"
#include "framework/ops/pooling.h"
#include "framework/ops/reduction.h"
#include "framework/ops/shape.h"
#include "tests/optim/toys.h"
#include "tests/support/tensors.h"

namespace ebb::test {
namespace {

using toys::farthest;

constexpr double ulp = 0x1p-52;

// Regression on 200 samples of 50 numbers, whose spectrum falls from 1 to 1/100.
struct Regression {
  Tensor x{{200, 50}, DType::f64}, y = random({200, 1}, 32, -1, 1, DType::f64);

  Regression() {
    fill_normal(x, Rng(31), 0, 1);
    std::size_t i = 0;
    for (double& v : x.mutable_span<double>()) v *= std::pow(0.1, static_cast<double>(i++ % 50) / 49);
  }
  Var loss(Parameter& w) const {
    const Var residual = matmul(Var(x), Var(w)) - y;
    return sum(residual * residual) * (0.5 / 200);
  }
};

struct Net : Layer {
  explicit Net(const Rng& rng)
      : conv1{*this, "conv1", {.in = 1, .out = 4, .padding = {1, 1}}, rng},
        bn1{*this, "bn1", {.channels = 4, .activation = Activation::relu}},
        conv2{*this, "conv2", {.in = 4, .out = 6, .padding = {1, 1}}, rng},
        bn2{*this, "bn2", {.channels = 6, .activation = Activation::relu}},
        fc{*this, "fc", {.in = 24, .out = 3}, rng} {
    to(DType::f64);
  }

  Var forward(const Var& x) override {
    const Var first = max_pool2d(bn1(conv1(x)), {.kernel = {2, 2}});
    const Var second = max_pool2d(bn2(conv2(first)), {.kernel = {2, 2}});
    return fc(reshape(second, {second.dim(0), -1}));
  }

  Child<Conv2d> conv1;
  Child<BatchNorm2d> bn1;
  Child<Conv2d> conv2;
  Child<BatchNorm2d> bn2;
  Child<Linear> fc;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(decays_that_are_one)

BOOST_AUTO_TEST_CASE(plain_sgd_does_not_tell_coupled_from_decoupled) {
  constexpr double eta = 0.25, lambda = 0.125;
  constexpr int steps = 1000;
  const Regression task;
  double largest = 0;
  const auto run = [&](Decay decay) {
    const auto w = random_parameter("w", {50, 1}, 7);
    Sgd optimizer(groups({w.get()}, {{"all", everything_else()}}), {.lr = eta, .decay = decay});
    for (int step = 0; step < steps; ++step) {
      Tape tape;
      tape.backward(task.loss(*w));
      largest = std::max({largest, max_abs(w->value()), eta * max_abs(w->grad())});
      optimizer.step();
      optimizer.zero_grad();
    }
    return w->value();
  };
  const Tensor coupled = run(coupled_l2(lambda)), decoupled = run(decoupled_lr(lambda)),
               constant_decay = run(decoupled_constant(eta * lambda)), none = run(no_decay());
  const double bound = 8 * (ulp / 2) * steps * largest;
  BOOST_TEST(farthest(decoupled, coupled) <= bound);
  BOOST_TEST(farthest(constant_decay, coupled) <= bound);
  BOOST_TEST(farthest(none, coupled) > 1000 * bound);
}

BOOST_AUTO_TEST_CASE(plain_sgd_does_not_tell_them_apart_on_a_net) {
  // The first 20 steps of a net with batch norms, which amplify roundings as training goes on.
  const auto run = [](Decay decay) {
    Net net{Rng(3)};
    Sgd optimizer(net, {.lr = 0.125, .decay = decay});
    const Tensor x = random({12, 8, 8, 1}, 5, -1, 1, DType::f64);
    Tensor labels({12}, DType::i64);
    for (std::size_t i = 0; i < 12; ++i) labels.mutable_data<std::int64_t>()[i] = static_cast<std::int64_t>(i % 3);
    for (int step = 0; step < 20; ++step) {
      Tape tape;
      tape.backward(softmax_cross_entropy(net(x), labels));
      optimizer.step();
      optimizer.zero_grad();
    }
    std::vector<Tensor> out;
    for (const Parameter* p : net.parameters()) out.push_back(p->value());
    return out;
  };
  const std::vector<Tensor> coupled = run(coupled_l2(0.125)), decoupled = run(decoupled_lr(0.125)),
                            none = run(no_decay());
  constexpr double bound = 1e-12;
  double effect = 0;
  for (std::size_t i = 0; i < coupled.size(); ++i) {
    BOOST_TEST(farthest(coupled[i], decoupled[i]) <= bound);
    effect = std::max(effect, farthest(coupled[i], none[i]));
  }
  BOOST_TEST(effect > 1000 * bound);
}

BOOST_AUTO_TEST_CASE(penalty_in_the_loss_is_coupled_l2) {
  // lambda/2 |w|^2 on the tape and coupled_l2(lambda) take the same steps, to a unit in the last place of the largest
  // weight a step; the printed losses differ by the penalty.
  constexpr double lambda = 0.25;
  const Regression task;
  const auto penalised = random_parameter("w", {50, 1}, 8), coupled = random_parameter("w", {50, 1}, 8);
  Parameter* const listed[] = {penalised.get()};
  const SgdOptions options{.lr = 0.125, .momentum = 0.9};
  SgdOptions with_decay = options;
  with_decay.decay = coupled_l2(lambda);
  Sgd first(groups({penalised.get()}, {{"all", everything_else()}}), options);
  Sgd second(groups({coupled.get()}, {{"all", everything_else()}}), with_decay);
  for (int step = 0; step < 50; ++step) {
    penalised->set_value(coupled->value().clone());
    double printed[2];
    {
      Tape tape;
      const Var loss = task.loss(*penalised) + l2_penalty(listed, lambda);
      printed[0] = loss.item();
      tape.backward(loss);
    }
    {
      Tape tape;
      const Var loss = task.loss(*coupled);
      printed[1] = loss.item();
      tape.backward(loss);
    }
    const double penalty = lambda / 2 * sum_squares(coupled->value());
    BOOST_TEST(std::abs(printed[0] - printed[1] - penalty) <= 8 * ulp * printed[0]);
    BOOST_TEST(penalty > 1e-3 * printed[0]);
    first.step();
    second.step();
    first.zero_grad();
    second.zero_grad();
    BOOST_TEST(farthest(penalised->value(), coupled->value()) <= ulp * max_abs(coupled->value()));
  }
  // Momentum was fed alike too, and decay mattered.
  BOOST_TEST(close(first.state("w", "momentum"), second.state("w", "momentum"), 1e-13));
  BOOST_TEST(max_abs(second.state("w", "momentum")) > 1e-9);
}

BOOST_AUTO_TEST_CASE(a_penalty_in_the_loss_rests_at_ridge) {
  const auto w = parameter("w", {0.5});
  Parameter* const listed[] = {w.get()};
  Sgd optimizer(groups({w.get()}, {{"all", everything_else()}}), {.lr = 0.05, .momentum = 0.9});
  for (int step = 0; step < 2000; ++step) {
    Tape tape;
    const Var difference = Var(*w) - Tensor::from({2.0}, {1});
    tape.backward(sum(difference * difference) * 0.65 + l2_penalty(listed, 0.3));
    optimizer.step();
    optimizer.zero_grad();
  }
  BOOST_TEST(std::abs(w->value().item() - 1.3 * 2 / 1.6) < 1e-12);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test
