// The examples that stand in headers' comments, compiled and run: tests/lint/check_docs_code.py compares the texts.
#include <cmath>
#include <functional>
#include <iostream>
#include <sstream>

#include "data/dataset.h"
#include "data/loader.h"
#include "framework/nn/activations.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/linear.h"
#include "framework/nn/prepare.h"
#include "framework/nn/residual.h"
#include "framework/nn/sequential.h"
#include "framework/nn/update_batch_norm.h"
#include "framework/ops/loss.h"
#include "lab/diagnose/diagnostics.h"
#include "lab/training/trainer.h"
#include "models/lenet.h"
#include "optim/averaging.h"
#include "optim/change_norms.h"
#include "optim/report.h"
#include "optim/sgd.h"
#include "tests/support/tensors.h"

using namespace ebb;

namespace {

// code: halved
Decay halved(Lambda l) {
  return {"halved", l, [](const StepContext& s) { return DecayTerms{.shrink = s.lr * s.lambda / 2}; },
          "w -= lr lambda w / 2"};
}
// code: end

// What std::cout is given while it lives.
class Captured {
 public:
  Captured() : before_(std::cout.rdbuf(text_.rdbuf())) {}
  ~Captured() { std::cout.rdbuf(before_); }
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  std::streambuf* before_;
};

// Two classes of images that a line tells apart.
TensorDataset points() {
  Tensor samples({20, 4}), labels({20}, DType::i64);
  for (std::int64_t i = 0; i < 20; ++i) {
    labels.mutable_data<std::int64_t>()[i] = i % 2;
    for (std::int64_t j = 0; j < 4; ++j)
      samples.mutable_data<float>()[4 * i + j] =
          static_cast<float>(Rng(3).normal(static_cast<std::uint64_t>(4 * i + j)) + (i % 2 == 0 ? 2 : -2));
  }
  return TensorDataset(samples, labels);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(header_examples)

BOOST_AUTO_TEST_CASE(a_decay_of_ones_own_halves_the_shrink) {
  BOOST_TEST(halved(0.5).rule({.lr = 0.1, .lambda = 0.5}).shrink == 0.025, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(halved(0.5).text() == "halved 0.5");
}

BOOST_AUTO_TEST_CASE(containers_name_their_layers) {
  const Rng rng(1);
  // code: sequential
  Sequential net(rng);
  net.add<Conv2d>("conv1", {.in = 3, .out = 16, .kernel = {3, 3}});
  net.add<ReLU>();  // named by its index: "1"
  // code: end
  // code: residual
  auto& block = net.add<Residual>("block1");
  block.main->add<Conv2d>("conv1", {.in = 16, .out = 16, .padding = {1, 1}});
  // code: end
  BOOST_TEST(net.named_parameters().back().path == "block1.main.conv1.bias");
  BOOST_TEST(net(Tensor::zeros({1, 6, 6, 3})).shape() == Shape({1, 4, 4, 16}));
}

BOOST_AUTO_TEST_CASE(a_step_its_report_and_an_average) {
  Linear model({.in = 4, .out = 2}, Rng(1));
  const Loader batches(points(), {.batch = 20});
  const Batch batch = batches.epoch(0)[0];
  const Tensor &images = batch.images, &labels = batch.labels;
  Sgd optimizer(model, {.lr = 0.1, .decay = halved(0.5)});
  const Tensor before = model.weight.value().clone();
  // code: tape
  Tape tape;
  Var loss = softmax_cross_entropy(model(images), labels);
  tape.backward(loss);
  // code: end
  BOOST_TEST(norm(model.weight.grad()) > 0.01);
  const Captured printed;
  // code: change_norms
  ChangeNorms changes(optimizer);
  optimizer.step();
  std::cout << report(optimizer, {.parameters = true, .changes = &changes});
  // code: end
  BOOST_TEST(printed.text().find("halved") != std::string::npos);
  Ema average(model, {.keep = 0.5, .warm_up = false});
  const Tensor middle = model.weight.value().clone();
  // code: average
  optimizer.step();
  average.update();
  // code: end
  average.swap();
  const double got = model.weight.value().at({0, 0});
  average.swap();
  const double mean = (middle.at({0, 0}) + model.weight.value().at({0, 0})) / 2;
  BOOST_TEST(got == mean, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(std::abs(middle.at({0, 0}) - mean) > 1e-3 * std::abs(mean));
}

BOOST_AUTO_TEST_CASE(averaged_weights_get_statistics_of_their_own) {
  Sequential model{Rng(1)};
  model.add<Linear>("fc", {.in = 4, .out = 2});
  auto& bn = model.add<BatchNorm1d>("bn", {.channels = 2});
  const Loader loader(points(), {.batch = 10});
  Swa average(model);
  const auto train = [&](int) {
    for (float& w : model.parameters().front()->value().mutable_span<float>()) w += 0.01f;
  };
  const auto pass_over_training_data = [&] {
    for (const Batch& batch : loader.epoch(0)) model(batch.images);
  };
  // code: swa
  for (int epoch = 0; epoch < 100; ++epoch) {
    train(epoch);                       // with a constant or cyclic learning rate towards the end
    if (epoch >= 75) average.update();  // so a mean of 25
  }
  average.swap();
  update_batch_norm(model, pass_over_training_data);  // framework/nn/update_batch_norm.h
  // code: end
  BOOST_TEST(average.updates() == 25);
  const std::vector<double> averaged = test::values(bn.running_mean->value());
  average.swap();
  // code: update_batch_norm
  update_batch_norm(model, [&] {
    for (const Batch& batch : loader.epoch(0)) model(batch.images);
  });
  // code: end
  BOOST_TEST(std::abs(averaged[0] - test::values(bn.running_mean->value())[0]) > 1e-4);
}

BOOST_AUTO_TEST_CASE(a_trainer_learns_what_a_line_tells_apart) {
  Linear model({.in = 4, .out = 2}, Rng(1));
  const Loader train(points(), {.batch = 5, .seed = 1}), test(points(), {.batch = 20, .shuffle = false});
  Sgd optimizer(model, {.lr = 0.1});
  const Captured printed;
  // code: trainer
  Trainer trainer(model, optimizer, train, test, {.epochs = 10});
  while (!trainer.done()) trainer.step();
  std::cout << trainer.summary().test_accuracy;
  // code: end
  BOOST_TEST(printed.text() == "1");
}

BOOST_AUTO_TEST_CASE(a_training_is_looked_at_with_its_audit) {
  Linear model({.in = 4, .out = 2}, Rng(1));
  const Loader train(points(), {.batch = 5, .seed = 1}), test(points(), {.batch = 20, .shuffle = false});
  Sgd optimizer(model, {.lr = 0.1, .decay = decoupled_lr(0.01)});
  Trainer trainer(model, optimizer, train, test, {.epochs = 10});
  const Batch batch = train.epoch(0)[0];
  const Tensor &images = batch.images, &labels = batch.labels;
  const Captured printed;
  // code: diagnostics
  Diagnostics diagnostics(optimizer, audit(model, images, labels, &optimizer));
  trainer.add(diagnostics);
  trainer.run();
  std::cout << to_csv(diagnostics.rows());
  // code: end
  BOOST_TEST(printed.text().find("weight") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(inference) {
  LeNet model{Rng(1)};
  model.eval();
  const Tensor images = test::random({3, 28, 28, 1}, 2);
  // code: prepare
  const Prepared network = prepare(model, {28, 28, 1});
  const Tensor logits = network(images);
  // code: end
  BOOST_TEST(test::close(logits, model(images).value(), 1e-5));
}

BOOST_AUTO_TEST_SUITE_END()
