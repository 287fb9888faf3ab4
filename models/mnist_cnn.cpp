#include "models/mnist_cnn.h"

#include "framework/ops/activation.h"
#include "framework/ops/pooling.h"

namespace ebb {

MnistCnn::MnistCnn(const MnistCnnOptions& options, const Rng& rng)
    : conv1_(*this, "conv1", {.in = options.channels, .out = 32}, rng),
      conv2_(*this, "conv2", {.in = 32, .out = 64}, rng),
      dropout1_(*this, "dropout1", {.p = 0.25}, rng),
      flatten_(*this, "flatten", {.image = {12, 12, 64}}),
      fc1_(*this, "fc1", {.in = 9216, .out = 128}, rng),
      dropout2_(*this, "dropout2", {.p = 0.5}, rng),
      fc2_(*this, "fc2", {.in = 128, .out = options.classes}, rng) {}

Var MnistCnn::forward(const Var& x) {
  // The maximum and ReLU commute, and behind the pooling there are a quarter of the numbers.
  const Var features = dropout1_(relu(max_pool2d(conv2_(relu(conv1_(x))))));
  return fc2_(dropout2_(relu(fc1_(flatten_(features)))));
}

}  // namespace ebb
