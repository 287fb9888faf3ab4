// A model and a batch for it, the same in every row of the benchmark.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "framework/nn/layer.h"
#include "optim/sgd.h"

namespace ebb {

struct Work {
  std::unique_ptr<Layer> model;
  Shape input;  // of the batch
  Tensor images, labels;

  // Gradients of the loss, added to what the parameters have.
  void make_gradients() const;
  // A step of training with an optimizer of the model.
  void train(Sgd& optimizer) const;
};

// `name` is one of models/registry's, resnet18at64 (ResNet-18 on 64x64 images) or conv320 (one convolution on 320x320,
// and the mean over each image); `hidden` are the widths of an mlp.
Work make_work(const std::string& name, std::int64_t batch,
               const std::optional<std::vector<std::int64_t>>& hidden = {});

// Takes `steps` training steps and prints a JSON object: seconds from the start of the process to the end of the first
// step, and the peak of the process's resident memory in MiB.
void print_start(const std::string& model, std::int64_t batch, int steps);

}  // namespace ebb
