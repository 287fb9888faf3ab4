#include "models/lenet.h"

#include "framework/ops/activation.h"
#include "framework/ops/pooling.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

// What is left of an image behind both convolutions and poolings.
Shape last_map(const LeNetOptions& options) {
  const Shape& image = options.image;
  if (image.rank() != 3 || image[0] < 12 || image[1] < 12)
    fail("LeNet", text("image = ", image), "[height, width, channels] with height and width of at least 12");
  return {(image[0] / 2 - 4) / 2, (image[1] / 2 - 4) / 2, 16};
}

}  // namespace

LeNet::LeNet(const LeNetOptions& options, const Rng& rng)
    : conv1(*this, "conv1", {.in = options.image[-1], .out = 6, .kernel = {5, 5}, .padding = {2, 2}}, rng),
      conv2(*this, "conv2", {.in = 6, .out = 16, .kernel = {5, 5}}, rng),
      flatten(*this, "flatten", {.image = last_map(options)}),
      fc1(*this, "fc1", {.in = last_map(options).size(), .out = 120}, rng),
      fc2(*this, "fc2", {.in = 120, .out = 84}, rng),
      fc3(*this, "fc3", {.in = 84, .out = options.classes}, rng) {}

Var LeNet::forward(const Var& x) {
  // The maximum and ReLU commute, and behind the pooling there are a quarter of the numbers.
  Var h = relu(max_pool2d(conv1(x)));
  h = relu(max_pool2d(conv2(h)));
  h = relu(fc1(flatten(h)));
  h = relu(fc2(h));
  return fc3(h);
}

}  // namespace ebb
