/// \file
/// Residual networks for 32x32 images.
#pragma once

#include <vector>

#include "framework/nn/conv2d.h"
#include "framework/nn/linear.h"
#include "framework/nn/sequential.h"
#include "models/norm.h"
#include "models/shortcut.h"

namespace ebb {

class Normalizer;

/// Options of ResNet.
struct ResNetOptions {
  std::vector<std::int64_t> widths{16, 32, 64};  ///< Channels of each stage; the first has stride 1, others 2.
  std::vector<std::int64_t> blocks{3, 3, 3};     ///< Blocks in each stage: depth = 2 sum + 2.
  Shortcut shortcut = Shortcut::projection;      ///< Where shapes change.
  NormOptions norm = {};                         ///< Behind each convolution.
  std::int64_t channels = 3;                     ///< Of the images.
  std::int64_t classes = 10;                     ///< Length of the output.
};

/// Options of BasicBlock.
struct BasicBlockOptions {
  std::int64_t in = 0;                       ///< Channels of the input, >= 1.
  std::int64_t out = 0;                      ///< Channels of the output, >= 1.
  std::int64_t stride = 1;                   ///< Of the first convolution.
  Shortcut shortcut = Shortcut::projection;  ///< Where the shape changes.
  NormOptions norm = {};                     ///< Behind each convolution.
};

/// Two 3x3 convolutions with norm and a way around them: relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x)).
class BasicBlock : public Layer {
 public:
  /// For Child and Sequential.
  using Options = BasicBlockOptions;

  /// \throws Error when an option is out of range.
  BasicBlock(const BasicBlockOptions& options, const Rng& rng);
  ~BasicBlock() override;

  Var forward(const Var& x) override;

 private:
  Var around(const Var& x);

  std::int64_t stride_;
  std::int64_t new_channels_;
  Child<Conv2d> conv1_;
  std::unique_ptr<Normalizer> norm1_;
  Child<Conv2d> conv2_;
  std::unique_ptr<Normalizer> norm2_;
  Child<Sequential> shortcut_;  // empty but for a projection
};

/// `[n, h, w, channels]` -> `[n, classes]`: a 3x3 convolution, stages of BasicBlock, global average pooling, a linear
/// layer. The defaults are ResNet-20 for CIFAR. Source: He, Zhang, Ren, Sun 2015, section 4.2.
class ResNet : public Layer {
 public:
  /// For make_model().
  using Options = ResNetOptions;

  /// \param rng the key of the model.
  /// \throws Error when widths is empty or of another length than blocks, or an option is below 1.
  ResNet(const ResNetOptions& options, const Rng& rng);
  ~ResNet() override;

  Var forward(const Var& x) override;

 private:
  Child<Conv2d> conv1_;
  std::unique_ptr<Normalizer> norm1_;
  Child<Sequential> blocks_;
  Child<Linear> fc_;
};

/// ResNet of depth 20, 32, 44, 56 or 110 for CIFAR: three stages of 16, 32, 64 channels.
/// \throws Error unless depth = 6 n + 2, from 8 to 1202.
ResNetOptions cifar_resnet(std::int64_t depth, Shortcut shortcut = Shortcut::projection);

/// ResNet-18 in the form used for CIFAR: a 3x3 first convolution, no pooling behind it, four stages of 64 to 512.
ResNetOptions resnet18();

/// ResNet-34 in the same form.
ResNetOptions resnet34();

}  // namespace ebb
