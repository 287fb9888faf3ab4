#include "tests/bench/work.h"

#include "framework/compute/basic.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/pooling.h"
#include "framework/nn/sequential.h"
#include "framework/ops/loss.h"
#include "models/registry.h"

namespace ebb {
namespace {

Shape image_shape(const std::string& model) {
  if (model == "resnet18at64") return {64, 64, 3};
  if (model == "conv320") return {320, 320, 3};
  const bool grey = model == "lenet" || model == "mnistcnn" || model == "mlp" || model == "linear";
  return grey ? Shape{28, 28, 1} : Shape{32, 32, 3};
}

// The registry's models, ResNet-18 for larger images, and one convolution with the mean over each of its images.
std::unique_ptr<Layer> model_of(const std::string& name, const ModelOptions& options, const Rng& rng) {
  if (name == "resnet18at64") return make_model("resnet18", options, rng);
  if (name != "conv320") return make_model(name, options, rng);
  auto net = std::make_unique<Sequential>(rng);
  net->add<Conv2d>({.in = 3, .out = 16, .padding = {1, 1}});
  net->add<GlobalAvgPool2d>();
  return net;
}

}  // namespace

void Work::make_gradients() const {
  Tape tape;
  tape.backward(softmax_cross_entropy((*model)(images), labels));
}

void Work::train(Sgd& optimizer) const {
  make_gradients();
  optimizer.step();
  optimizer.zero_grad();
}

Work make_work(const std::string& name, std::int64_t batch, const std::optional<std::vector<std::int64_t>>& hidden) {
  const Shape image = image_shape(name);
  const Rng rng(1);
  Work work{.model = model_of(name, {.image = image, .classes = 10, .hidden = hidden}, rng.at("model")),
            .input = image.insert(0, batch),
            .images = Tensor(image.insert(0, batch)),
            .labels = Tensor({batch}, DType::i64)};
  fill_normal(work.images, rng.at("images"), 0, 1);
  for (std::int64_t i = 0; i < batch; ++i)
    work.labels.mutable_data<std::int64_t>()[i] =
        static_cast<std::int64_t>(rng.below(10, static_cast<std::uint64_t>(i)));
  return work;
}

}  // namespace ebb
