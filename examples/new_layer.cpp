// A layer of your own, composed of ops: squeeze-and-excitation (Hu, Shen, Sun 2018), which weighs channels by what the
// whole image shows. Nothing is registered anywhere, there is no backward to write, and roles come with the children.
#include <exception>
#include <iostream>

#include <ebb/framework/nn/activations.h>
#include <ebb/framework/nn/conv2d.h>
#include <ebb/framework/nn/flatten.h>
#include <ebb/framework/nn/linear.h>
#include <ebb/framework/nn/sequential.h>
#include <ebb/framework/nn/summary.h>
#include <ebb/framework/ops/arithmetic.h>
#include <ebb/framework/ops/loss.h>
#include <ebb/framework/ops/reduction.h>
#include <ebb/optim/sgd.h>

using namespace ebb;

// code: layer
struct SqueezeExciteOptions {
  std::int64_t channels = 0;   // of the images
  std::int64_t reduction = 4;  // the channels are squeezed by this factor
};

class SqueezeExcite : public Layer {
 public:
  using Options = SqueezeExciteOptions;

  SqueezeExcite(const SqueezeExciteOptions& o, const Rng& rng)
      : down_(*this, "down", {.in = o.channels, .out = o.channels / o.reduction}, rng),
        up_(*this, "up", {.in = o.channels / o.reduction, .out = o.channels}, rng) {}

  // [n, h, w, c] -> [n, h, w, c]; the weights are [n, 1, 1, c] and stretch over each image.
  Var forward(const Var& x) override { return x * sigmoid(up_(relu(down_(mean(x, {1, 2}, keep_dims))))); }

 private:
  Child<Linear> down_, up_;
};
// code: end

int main() try {
  // code: use
  Sequential net{Rng(1)};
  net.add<Conv2d>("conv", {.in = 3, .out = 8, .padding = {1, 1}});
  net.add<ReLU>();
  net.add<SqueezeExcite>("se", {.channels = 8});
  net.add<Flatten>();
  net.add<Linear>("fc", {.in = 8 * 8 * 8, .out = 2});
  std::cout << summary(net, {1, 8, 8, 3});
  // code: end

  // Two classes of random images that differ in the mean of their first channel.
  Tensor images({64, 8, 8, 3});
  Tensor labels({64}, DType::i64);
  const Rng rng(2);
  for (std::int64_t i = 0; i < images.size(); ++i) {
    const std::int64_t sample = i / (8 * 8 * 3);
    const double shift = i % 3 == 0 && sample % 2 == 0 ? 0.5 : 0.0;
    images.mutable_data<float>()[i] = static_cast<float>(rng.normal(static_cast<std::uint64_t>(i)) + shift);
    labels.mutable_data<std::int64_t>()[sample] = sample % 2;
  }

  Sgd optimizer(net, {.lr = 0.1, .momentum = 0.9});
  double loss_value = 0;
  for (int step = 0; step < 60; ++step) {
    Tape tape;
    const Var loss = softmax_cross_entropy(net(images), labels);
    tape.backward(loss);
    optimizer.step();
    optimizer.zero_grad();
    loss_value = loss.item();
  }
  std::cout << "loss after 60 steps: " << loss_value << '\n';
  return loss_value < 0.2 ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
