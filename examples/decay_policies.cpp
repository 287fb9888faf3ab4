// Which parameters should decay? A small CNN with batch norm on Fashion-MNIST with a fifth of the training labels
// wrong, under four policies, coupled and decoupled decay, SGD with momentum and Adam: one table, as Markdown.
//
//     decay_policies [directory] [seeds] [epochs] [samples]
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include <ebb/data/loader.h>
#include <ebb/data/mnist.h>
#include <ebb/framework/compute/basic.h>
#include <ebb/framework/nn/batch_norm.h>
#include <ebb/framework/nn/conv2d.h>
#include <ebb/framework/nn/linear.h>
#include <ebb/framework/ops/activation.h>
#include <ebb/framework/ops/loss.h>
#include <ebb/framework/ops/pooling.h>
#include <ebb/framework/ops/shape.h>
#include <ebb/framework/tensor/error.h>
#include <ebb/optim/adam.h>
#include <ebb/optim/sgd.h>

using namespace ebb;

namespace {

// conv 3x3 8, norm, ReLU, pool, conv 3x3 16, norm, ReLU, pool, linear 10. Biases stand in front of the norms on
// purpose: they are what a policy for biases is about.
struct Net : Layer {
  explicit Net(const Rng& rng)
      : conv1{*this, "conv1", {.in = 1, .out = 8, .padding = {1, 1}}, rng},
        bn1{*this, "bn1", {.channels = 8, .activation = Activation::relu}},
        conv2{*this, "conv2", {.in = 8, .out = 16, .padding = {1, 1}}, rng},
        bn2{*this, "bn2", {.channels = 16, .activation = Activation::relu}},
        fc{*this, "fc", {.in = 784, .out = 10}, rng} {}

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

// The first `count` samples; a share of the labels is replaced by random ones.
TensorDataset subset(const Dataset& data, std::int64_t count, double noise) {
  count = std::min(count, data.size());
  std::vector<std::int64_t> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  Tensor images({count, 28, 28, 1}), labels({count}, DType::i64);
  data.read(indices, images.mutable_span<float>(), labels.mutable_span<std::int64_t>());
  const Rng rng = Rng(99).at("label noise");
  for (std::int64_t i = 0; i < count; ++i)
    if (rng.uniform(2 * static_cast<std::uint64_t>(i)) < noise)
      labels.mutable_data<std::int64_t>()[i] =
          static_cast<std::int64_t>(rng.below(10, 2 * static_cast<std::uint64_t>(i) + 1));
  return TensorDataset(images, labels, 10);
}

double accuracy(Net& net, const Loader& batches) {
  net.eval();
  std::int64_t right = 0;
  for (const Batch& batch : batches.epoch(0)) {
    const Tensor logits = net(batch.images).value();
    for (std::int64_t row = 0; row < logits.dim(0); ++row) {
      const float* const scores = logits.data<float>() + row * 10;
      right += std::max_element(scores, scores + 10) - scores == batch.labels.data<std::int64_t>()[row];
    }
  }
  net.train();
  return 100 * static_cast<double>(right) / static_cast<double>(batches.samples());
}

struct Result {
  double accuracy = 0, conv = 0, fc = 0, scale = 0;
};

using MakeOptimizer = std::function<std::unique_ptr<Optimizer>(const Groups&, const Schedule&)>;

Result train(const MakeOptimizer& make, const std::function<Groups(Net&)>& table, const Loader& data,
             const Loader& test, std::uint64_t seed, int epochs) {
  Net net{Rng(seed)};
  const std::int64_t steps = epochs * data.batches();
  const auto optimizer = make(table(net), warmup(steps / 8, cosine(steps - steps / 8)));
  for (int epoch = 0; epoch < epochs; ++epoch)
    for (const Batch& batch : data.epoch(static_cast<std::int64_t>(100 * seed) + epoch)) {
      Tape tape;
      tape.backward(softmax_cross_entropy(net(batch.images), batch.labels));
      optimizer->step();
      optimizer->zero_grad();
    }
  return {accuracy(net, test), std::hypot(norm(net.conv1->weight.value()), norm(net.conv2->weight.value())),
          norm(net.fc->weight.value()), std::hypot(norm(net.bn1->scale->value()), norm(net.bn2->scale->value()))};
}

int run(int argc, char** argv) {
  const std::string directory = argc > 1 ? argv[1] : "";
  const int seeds = argc > 2 ? std::atoi(argv[2]) : 4, epochs = argc > 3 ? std::atoi(argv[3]) : 8;
  const std::int64_t samples = argc > 4 ? std::atoll(argv[4]) : 5000;
  if (seeds < 1 || epochs < 1 || samples < 1) fail("decay_policies", "a number below 1", "seeds, epochs, samples >= 1");
  const Loader data(subset(FashionMnist(directory, Split::train), samples, 0.2), {.batch = 64, .seed = 1});
  const Loader test(subset(FashionMnist(directory, Split::test), 2000, 0), {.batch = 500, .shuffle = false});

  struct Policy {
    const char* name;
    Selector decayed;
  };
  const Policy policies[] = {{"everything", everything_else()},
                             {"weights only", weights()},
                             {"norms and biases only", norms() || biases()},
                             {"nothing", !everything_else()}};
  struct Row {
    const char* optimizer;
    Decay decay;
    MakeOptimizer make;
  };
  const MakeOptimizer sgd = [](const Groups& g, const Schedule& s) {
    return std::make_unique<Sgd>(g, SgdOptions{.lr = 0.05, .momentum = 0.9, .schedule = s});
  };
  const MakeOptimizer adam = [](const Groups& g, const Schedule& s) {
    return std::make_unique<Adam>(g, AdamOptions{.lr = 2e-3, .schedule = s});
  };
  const Row rows[] = {{"SGD, momentum 0.9", coupled_l2(5e-3), sgd},
                      {"SGD, momentum 0.9", decoupled_lr(5e-2), sgd},
                      {"Adam", coupled_l2(1e-3), adam},
                      {"Adam", decoupled_lr(1), adam}};
  std::printf("| optimizer | decay | decayed | test accuracy %% | conv norm | fc norm | scale norm |\n");
  std::printf("|---|---|---|---|---|---|---|\n");
  for (const Row& row : rows)
    for (const Policy& policy : policies) {
      const auto table = [&](Net& net) {
        return groups(net, {{"decayed", policy.decayed, {.decay = row.decay, .may_be_empty = true}},
                            {"no decay", everything_else(), {.decay = no_decay(), .may_be_empty = true}}});
      };
      Result mean;
      double squares = 0;
      for (int seed = 1; seed <= seeds; ++seed) {
        const Result r = train(row.make, table, data, test, static_cast<std::uint64_t>(seed), epochs);
        mean.accuracy += r.accuracy / seeds;
        mean.conv += r.conv / seeds;
        mean.fc += r.fc / seeds;
        mean.scale += r.scale / seeds;
        squares += r.accuracy * r.accuracy / seeds;
      }
      const double spread = std::sqrt(std::max(0.0, squares - mean.accuracy * mean.accuracy));
      std::printf("| %s | %s | %s | %.1f +- %.1f | %.2f | %.2f | %.2f |\n", row.optimizer, row.decay.text().c_str(),
                  policy.name, mean.accuracy, spread, mean.conv, mean.fc, mean.scale);
      std::fflush(stdout);
    }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
