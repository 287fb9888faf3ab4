/// \file
/// A convolution and the batch norm behind it as one step, for models that do not use Sequential.
#pragma once

#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"

namespace ebb {

/// activation(norm(conv(x))): in training the convolution computes the statistics on the way, and the norm applies the
/// activation in its own pass. With running statistics and no tape the norm is folded into the filters, and one
/// convolution is left. Equal to the three calls up to rounding.
Var conv_norm(Conv2d& conv, BatchNorm2d& norm, const Var& x, Activation activation = Activation::none);

namespace detail {

/// While it lives, conv_norm() folds in this thread also where a tape records: for who takes down what inference runs.
class FoldedNorms {
 public:
  FoldedNorms();
  ~FoldedNorms();
  FoldedNorms(const FoldedNorms&) = delete;
  FoldedNorms& operator=(const FoldedNorms&) = delete;

 private:
  bool before_;
};

}  // namespace detail

}  // namespace ebb
