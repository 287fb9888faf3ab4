/// \file
/// Networks prepared for inference: norms folded, weights arranged once, no tape.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "framework/nn/layer.h"

namespace ebb {

/// Options of prepare().
struct PrepareOptions {
  /// Images that most calls will have, >= 1: methods are chosen for it. Results do not depend on how many a call has.
  std::int64_t batch = 1;
  /// Results have the bits of the model's own forward pass in inference: no more is folded than that folds, and every
  /// op takes its usual method, whatever `batch` says. Weights are folded and arranged once all the same.
  bool same_bits = false;
};

/// What prepare() makes. It keeps the numbers of the moment at which it was made, and may be copied; copies share them.
/// Any number of threads may call it at once.
class Prepared {
 public:
  /// The network's result for images `[n, ...]` of the shape it was prepared for, any n, as the model gives it in eval
  /// mode up to rounding. \throws Error for other shapes and types.
  Tensor operator()(const Tensor& images) const;

  /// Bytes of the weights as they are kept.
  std::int64_t bytes() const;

  /// A line for each step: "conv2d relu 3 -> 16, 3x3, F(4x4)". One line that begins with "ordinary forward" and says
  /// why, when nothing could be prepared.
  std::string describe() const;

 private:
  friend Prepared prepare(Layer& model, const Shape& image, const PrepareOptions& options);
  struct Program;
  explicit Prepared(std::shared_ptr<const Program> program);
  std::shared_ptr<const Program> program_;
};

/// Prepares a model of any kind for inference on images of a shape, without the batch: `prepare(model, {32, 32, 3})`.
/// The steps are what one recorded pass in eval mode really ran: norms with constant statistics are folded into the
/// convolution or linear layer before them, and weights are arranged as the kernels read them. What is computed from
/// parameters alone is computed once. Other ops run as ever.
///
/// A model with an op that does not say how it is repeated (see repeatable()), or whose steps depend on the images or
/// their number, as bright, dark and flat images show, runs as an ordinary forward pass; it must then outlive what this
/// returns.
/// \throws Error when options are out of range, or the model does not take such images.
///
/// <!-- code: tests/docs/header_examples_test.cpp prepare -->
/// ```cpp
/// const Prepared network = prepare(model, {28, 28, 1});
/// const Tensor logits = network(images);
/// ```
Prepared prepare(Layer& model, const Shape& image, const PrepareOptions& options = {});

}  // namespace ebb
