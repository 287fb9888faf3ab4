// A training of a second: a small net with batch norm and dropout on small pictures that were made up.
#pragma once

#include "data/loader.h"
#include "framework/compute/basic.h"
#include "framework/nn/activations.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/dropout.h"
#include "framework/nn/flatten.h"
#include "framework/nn/linear.h"
#include "framework/nn/sequential.h"
#include "lab/training/trainer.h"
#include "optim/sgd.h"

namespace ebb::test {

// Three classes: noise, brighter in another third of the columns for each class.
inline TensorDataset small_pictures(std::int64_t count, std::uint64_t seed) {
  const Rng rng(seed);
  Tensor images({count, 6, 6, 1}), labels({count}, DType::i64);
  float* pixel = images.mutable_data<float>();
  for (std::int64_t i = 0; i < count; ++i) {
    const auto label = static_cast<std::int64_t>(rng.at("label").below(3, static_cast<std::uint64_t>(i)));
    labels.mutable_data<std::int64_t>()[i] = label;
    for (std::int64_t p = 0; p < 36; ++p) {
      const double noise = rng.at("pixel").normal(static_cast<std::uint64_t>(i * 36 + p));
      *pixel++ = static_cast<float>(noise + (p % 6 / 2 == label ? 1.0 : 0.0));
    }
  }
  return {images, labels, 3};
}

struct SmallTraining {
  explicit SmallTraining(TrainerOptions options = {}, SgdOptions sgd = {}, LoaderOptions loading = {})
      : train(small_pictures(70, 1), with_defaults(loading)),
        judged(small_pictures(30, 2), {.batch = 10, .shuffle = false}),
        model(Rng(5)),
        optimizer(built(model), with_defaults(sgd)),
        trainer(model, optimizer, train, judged, options) {}

  static LoaderOptions with_defaults(LoaderOptions o) {
    o.batch = 10;
    o.seed = 3;
    return o;
  }
  static SgdOptions with_defaults(SgdOptions o) {
    if (o.lr == SgdOptions{}.lr) o.lr = 0.05;
    o.momentum = 0.9;
    o.schedule = cosine(60);
    if (!o.decay) o.decay = decoupled_lr(1e-2);
    return o;
  }
  static Sequential& built(Sequential& net) {
    net.add<Conv2d>("conv", {.in = 1, .out = 4, .padding = {1, 1}});
    net.add<BatchNorm2d>("bn", {.channels = 4});
    net.add<ReLU>("relu");
    net.add<Flatten>("flatten");
    net.add<Dropout>("dropout", {.p = 0.25});
    net.add<Linear>("head", {.in = 144, .out = 3});
    return net;
  }

  Loader train, judged;
  Sequential model;
  Sgd optimizer;
  Trainer trainer;
};

// Keeps what it was told.
struct Notes : TrainObserver {
  void on_step(const Trainer&, const StepResult& step) override { steps.push_back(step); }
  void on_epoch(const Trainer&, const EpochResult& epoch) override { epochs.push_back(epoch); }
  void on_event(const Trainer&, const TrainEvent& event) override { events.push_back(event); }
  std::vector<StepResult> steps;
  std::vector<EpochResult> epochs;
  std::vector<TrainEvent> events;
};

}  // namespace ebb::test
