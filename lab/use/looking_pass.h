// A pass through a network that is looked into.
#pragma once

#include <optional>

#include "framework/nn/eval_mode.h"
#include "lab/use/called_layers.h"

namespace ebb {

// No gradients of parameters while it lives; afterwards each is frozen or not as it was.
class Frozen {
 public:
  explicit Frozen(Module& model);  // which must outlive it
  ~Frozen();
  Frozen(const Frozen&) = delete;
  Frozen& operator=(const Frozen&) = delete;

 private:
  std::vector<Parameter*> changed_;
};

// Runs a network in eval mode on images and keeps what lies between, until it ends. Parameters get no gradients.
class LookingPass {
 public:
  // \param images as the model takes them, in the dtype of its parameters.
  // \param layer whose last result is kept; null: none.
  // \throws Error when that was not called, and when the result is not `[n, classes]`.
  LookingPass(Layer& model, const Tensor& images, const Layer* layer = nullptr);

  const Tensor& logits() const { return logits_.value(); }

  // What the layer gave.
  const Tensor& result() const { return result_.value(); }

  // Gradients of a logit of each image, that of `classes`, i64 `[n]`, or of the largest where these are undefined.
  // Once. \throws Error for other classes.
  void backward(const Tensor& classes);

  Tensor input_gradient() const { return tape_.gradient(images_); }
  Tensor result_gradient() const { return tape_.gradient(result_); }

 private:
  EvalMode eval_;
  Frozen frozen_;
  Tape tape_;
  Var images_, result_, logits_;
};

}  // namespace ebb
