// What steps 2 to 4 of docs/tutorial.md share: a net, and a loop that trains it.
#pragma once

#include <algorithm>
#include <memory>
#include <numeric>
#include <vector>

#include <ebb/data/loader.h>
#include <ebb/data/mnist.h>
#include <ebb/data/split.h>
#include <ebb/framework/nn/activations.h>
#include <ebb/framework/nn/batch_norm.h>
#include <ebb/framework/nn/conv2d.h>
#include <ebb/framework/nn/linear.h>
#include <ebb/framework/ops/activation.h>
#include <ebb/framework/ops/loss.h>
#include <ebb/framework/ops/pooling.h>
#include <ebb/optim/optimizer.h>

// code: net
class Net : public ebb::Layer {
 public:
  explicit Net(const ebb::Rng& rng)
      : conv1_(*this, "conv1", {.in = 1, .out = 16, .stride = {2, 2}, .padding = {1, 1}, .bias = false}, rng),
        bn1_(*this, "bn1", {.channels = 16}),
        conv2_(*this, "conv2", {.in = 16, .out = 32, .stride = {2, 2}, .padding = {1, 1}, .bias = false}, rng),
        bn2_(*this, "bn2", {.channels = 32}),
        fc_(*this, "fc", {.in = 32, .out = 10}, rng) {}

  // [n, 28, 28, 1] -> [n, 10]
  ebb::Var forward(const ebb::Var& images) override {
    const ebb::Var first = relu(bn1_(conv1_(images)));
    const ebb::Var second = relu(bn2_(conv2_(first)));
    return fc_(global_avg_pool2d(second));
  }

 private:
  ebb::Child<ebb::Conv2d> conv1_;
  ebb::Child<ebb::BatchNorm2d> bn1_;
  ebb::Child<ebb::Conv2d> conv2_;
  ebb::Child<ebb::BatchNorm2d> bn2_;
  ebb::Child<ebb::Linear> fc_;
};
// code: end

// code: data
// The first `count` images of Fashion-MNIST, from where Debian's package dataset-fashion-mnist puts them.
inline std::shared_ptr<const ebb::Dataset> clothes(ebb::Split split, std::int64_t count) {
  std::vector<std::int64_t> first(static_cast<std::size_t>(count));
  std::iota(first.begin(), first.end(), 0);
  return std::make_shared<const ebb::Subset>(std::make_shared<const ebb::FashionMnist>("", split),
                                             ebb::Tensor::from(std::span<const std::int64_t>(first), {count}));
}
// code: end

// code: train
// One pass over the data; returns the mean loss.
inline double train(Net& net, ebb::Optimizer& optimizer, const ebb::Loader& batches, int epoch) {
  double total = 0;
  for (const auto& [images, labels] : batches.epoch(epoch)) {
    ebb::Tape tape;
    const ebb::Var loss = softmax_cross_entropy(net(images), labels);
    tape.backward(loss);
    optimizer.step();
    optimizer.zero_grad();
    total += loss.value().item();
  }
  return total / static_cast<double>(batches.batches());
}
// code: end

// code: accuracy
// The share of images whose largest logit is that of their label. No tape lives, so nothing is recorded.
inline double accuracy(Net& net, const ebb::Loader& batches) {
  net.eval();
  std::int64_t right = 0;
  for (const auto& [images, labels] : batches.epoch(0)) {
    const ebb::Tensor logits = net(images).value();
    for (std::int64_t i = 0; i < labels.size(); ++i) {
      const float* row = logits.data<float>() + 10 * i;
      if (std::max_element(row, row + 10) - row == labels.data<std::int64_t>()[i]) ++right;
    }
  }
  net.train();
  return static_cast<double>(right) / static_cast<double>(batches.samples());
}
// code: end
