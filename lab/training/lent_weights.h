/// \file
/// Other weights in a model for a while.
#pragma once

#include "framework/nn/module.h"
#include "optim/averaging.h"

namespace ebb {

/// While it lives, the model has other weights, and its own stand in their place; they come back, also when an error
/// ends that. Needs no memory.
class LentWeights {
 public:
  /// The averages; null: none.
  explicit LentWeights(WeightAverage* averages) : averages_(averages) { swap(); }
  /// All parameters and buffers of `model`, of their shapes.
  LentWeights(Module& model, State& weights) : model_(&model), weights_(&weights) { swap(); }
  ~LentWeights() { swap(); }
  LentWeights(const LentWeights&) = delete;
  LentWeights& operator=(const LentWeights&) = delete;

 private:
  void swap();

  WeightAverage* averages_ = nullptr;
  Module* model_ = nullptr;
  State* weights_ = nullptr;
};

}  // namespace ebb
