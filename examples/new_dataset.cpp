// A data set of your own: four functions, and loading, splits, augmentation and training come with the library.
//
// Its images are drawn as they are read: a bar that lies, a bar that stands, or both, somewhere in noise. A data set of
// files would read them there.
#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

#include <ebb/data/loader.h>
#include <ebb/data/split.h>
#include <ebb/framework/nn/activations.h>
#include <ebb/framework/nn/batch_norm.h>
#include <ebb/framework/nn/conv2d.h>
#include <ebb/framework/nn/linear.h>
#include <ebb/framework/nn/pooling.h>
#include <ebb/framework/nn/sequential.h>
#include <ebb/framework/ops/loss.h>
#include <ebb/framework/tensor/random.h>
#include <ebb/optim/groups.h>
#include <ebb/optim/sgd.h>

using namespace ebb;

// code: dataset
class Bars : public Dataset {
 public:
  explicit Bars(std::int64_t images) : images_(images) {}

  std::int64_t size() const override { return images_; }
  Shape sample_shape() const override { return {12, 12, 1}; }  // height, width, channels
  std::int64_t classes() const override { return 3; }
  std::string class_name(std::int64_t label) const override {
    return std::array{"lying", "standing", "cross"}.at(static_cast<std::size_t>(label));
  }

  // Fills in the samples that are asked for, one behind the other, about standardised, and their labels.
  void read(std::span<const std::int64_t> indices, std::span<float> samples,
            std::span<std::int64_t> labels) const override {
    require_readable(indices, samples, labels);
    for (std::size_t i = 0; i < indices.size(); ++i) {
      const Rng rng = Rng(7).at(static_cast<std::uint64_t>(indices[i]));  // numbers of this image
      const auto image = samples.subspan(144 * i, 144);
      for (std::size_t p = 0; p < 144; ++p) image[p] = static_cast<float>(rng.normal(10 + p));
      const std::uint64_t label = rng.below(3, 0), row = rng.below(12, 1), column = rng.below(12, 2);
      for (std::size_t k = 0; k < 12; ++k) {
        if (label != 1) image[12 * row + k] += 2;
        if (label != 0) image[12 * k + column] += 2;
      }
      labels[i] = static_cast<std::int64_t>(label);
    }
  }

 private:
  std::int64_t images_;
};
// code: end

// Share of right answers.
double accuracy(Layer& model, const Loader& batches) {
  model.eval();
  std::int64_t right = 0;
  for (const auto& [images, labels] : batches.epoch(0)) {
    const Tensor logits = model(images).value();
    for (std::int64_t i = 0; i < labels.size(); ++i) {
      const auto row = logits.span<float>().subspan(static_cast<std::size_t>(3 * i), 3);
      right += std::ranges::max_element(row) - row.begin() == labels.data<std::int64_t>()[i] ? 1 : 0;
    }
  }
  model.train();
  return static_cast<double>(right) / static_cast<double>(batches.samples());
}

int main() {
  Sequential model{Rng(1)};
  model.add<Conv2d>({.in = 1, .out = 16, .padding = {1, 1}, .bias = false});
  model.add<BatchNorm2d>({.channels = 16});
  model.add<ReLU>();
  model.add<MaxPool2d>();
  model.add<Conv2d>({.in = 16, .out = 32, .padding = {1, 1}, .bias = false});
  model.add<BatchNorm2d>({.channels = 32});
  model.add<ReLU>();
  model.add<GlobalAvgPool2d>();
  model.add<Linear>({.in = 32, .out = 3});

  // code: use
  const auto bars = std::make_shared<const Bars>(3000);
  const Parts parts = split(*bars, 0.2, {.seed = 1});  // each class keeps its share
  const Loader train(Subset(bars, parts.train),
                     {.batch = 64, .seed = 1, .augment = {.flip = Flip::random, .crop = 1, .mixup = 0.2}});
  const Loader held_out(Subset(bars, parts.held_out), {.batch = 200, .shuffle = false});
  // code: end

  Sgd optimizer(decay_weights_only(model, decoupled_lr(1e-3)),
                {.lr = 0.1, .momentum = 0.9, .schedule = cosine(6 * train.batches())});
  for (int epoch = 0; epoch < 6; ++epoch) {
    for (const auto& [images, labels] : train.epoch(epoch)) {
      Tape tape;
      const Var loss = softmax_cross_entropy(model(images), labels);
      tape.backward(loss);
      optimizer.step();
      optimizer.zero_grad();
    }
  }
  const double share = accuracy(model, held_out);
  std::printf("%.1f %% of the images held out are told apart\n", 100 * share);
  return share > 0.9 ? 0 : 1;
}
