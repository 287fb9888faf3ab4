/// \file
/// Residual networks with norm and ReLU in front of each convolution, and the wide ones among them.
#pragma once

#include <vector>

#include "framework/nn/conv2d.h"
#include "framework/nn/dropout.h"
#include "framework/nn/linear.h"
#include "framework/nn/sequential.h"
#include "models/norm.h"

namespace ebb {

class Normalizer;

/// Options of PreactResNet.
struct PreactResNetOptions {
  std::int64_t stem = 16;                        ///< Channels of the first convolution.
  std::vector<std::int64_t> widths{16, 32, 64};  ///< Channels of each stage; the first has stride 1, others 2.
  std::vector<std::int64_t> blocks{3, 3, 3};     ///< Blocks in each stage.
  double dropout = 0;                            ///< Probability of dropping, between the convolutions of a block.
  NormOptions norm = {};                         ///< In front of each convolution but the first, and behind the last.
  std::int64_t channels = 3;                     ///< Of the images.
  std::int64_t classes = 10;                     ///< Length of the output.
};

/// Options of PreactBlock.
struct PreactBlockOptions {
  std::int64_t in = 0;      ///< Channels of the input, >= 1.
  std::int64_t out = 0;     ///< Channels of the output, >= 1.
  std::int64_t stride = 1;  ///< Of the first convolution.
  double dropout = 0;       ///< Probability of dropping, between the convolutions.
  NormOptions norm = {};    ///< In front of each convolution.
};

/// conv2(dropout(relu(bn2(conv1(h))))) + s with h = relu(bn1(x)); s is x, or a 1x1 convolution of h where the shape
/// changes.
class PreactBlock : public Layer {
 public:
  /// For Child and Sequential.
  using Options = PreactBlockOptions;

  /// \throws Error when an option is out of range.
  PreactBlock(const PreactBlockOptions& options, const Rng& rng);
  ~PreactBlock() override;

  Var forward(const Var& x) override;

 private:
  std::unique_ptr<Normalizer> norm1_;
  Child<Conv2d> conv1_;
  std::unique_ptr<Normalizer> norm2_;
  std::optional<Child<Dropout>> dropout_;
  Child<Conv2d> conv2_;
  std::optional<Child<Conv2d>> shortcut_;
};

/// `[n, h, w, channels]` -> `[n, classes]`: a 3x3 convolution, stages of PreactBlock, norm and ReLU, global average
/// pooling, a linear layer. Source: He, Zhang, Ren, Sun 2016, "Identity mappings in deep residual networks".
class PreactResNet : public Layer {
 public:
  /// For make_model().
  using Options = PreactResNetOptions;

  /// \param rng the key of the model.
  /// \throws Error when widths is empty or of another length than blocks, or an option is out of range.
  PreactResNet(const PreactResNetOptions& options, const Rng& rng);
  ~PreactResNet() override;

  Var forward(const Var& x) override;

 private:
  Child<Conv2d> conv1_;
  Child<Sequential> blocks_;
  std::unique_ptr<Normalizer> norm_;
  Child<Linear> fc_;
};

/// Pre-activation ResNet of depth 20, 32, 44, 56 or 110 for CIFAR.
/// \throws Error unless depth = 6 n + 2, from 8 to 1202.
PreactResNetOptions cifar_preact_resnet(std::int64_t depth);

/// WideResNet-depth-widen: stages of 16, 32 and 64 channels times `widen`. Source: Zagoruyko, Komodakis 2016, "Wide
/// residual networks".
/// \throws Error unless depth = 6 n + 4, from 10 to 1204, and widen is 1 to 64.
PreactResNetOptions wide_resnet(std::int64_t depth, std::int64_t widen);

}  // namespace ebb
