/// \file
/// VGG networks for 32x32 images, and ResNet-9, which is built of the same parts.
#pragma once

#include "framework/nn/linear.h"
#include "framework/nn/sequential.h"
#include "models/norm.h"

namespace ebb {

/// Options of Vgg.
struct VggOptions {
  std::int64_t depth = 11;    ///< 11, 13 or 16: the number of layers with weights in the paper's tables.
  NormOptions norm = {};      ///< Behind each convolution.
  std::int64_t channels = 3;  ///< Of the images.
  std::int64_t classes = 10;  ///< Length of the output.
};

/// 3x3 convolutions with norm and ReLU, five max poolings, and one linear layer behind 512 channels, as is usual
/// for CIFAR: `[n, 32, 32, channels]` -> `[n, classes]`. Source: Simonyan, Zisserman 2014, configurations A, B and D.
class Vgg : public Layer {
 public:
  /// For make_model().
  using Options = VggOptions;

  /// \throws Error unless depth is 11, 13 or 16.
  Vgg(const VggOptions& options, const Rng& rng);

  Var forward(const Var& x) override;

 private:
  Child<Sequential> net_;
};

/// Options of ResNet9.
struct ResNet9Options {
  std::int64_t width = 64;    ///< Channels of the first convolution; the others have 2, 4 and 8 times as many.
  NormOptions norm = {};      ///< Behind each convolution.
  std::int64_t channels = 3;  ///< Of the images.
  std::int64_t classes = 10;  ///< Length of the output.
};

/// The network of fast CIFAR-10 trainings: 64, 128 and pool, residual 128, 256 and pool, 512 and pool, residual 512,
/// pool, linear (with the default width). `[n, 32, 32, channels]` -> `[n, classes]`. Source: David Page, "How to train
/// your ResNet", 2018.
class ResNet9 : public Layer {
 public:
  /// For make_model().
  using Options = ResNet9Options;

  /// \param rng the key of the model.
  ResNet9(const ResNet9Options& options, const Rng& rng);

  Var forward(const Var& x) override;

 private:
  Child<Sequential> net_;
};

}  // namespace ebb
