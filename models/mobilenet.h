/// \file
/// MobileNetV2 for 32x32 images: depthwise convolutions between narrow ends.
#pragma once

#include <vector>

#include "framework/nn/conv2d.h"
#include "framework/nn/dropout.h"
#include "framework/nn/linear.h"
#include "framework/nn/sequential.h"
#include "models/norm.h"

namespace ebb {

class Normalizer;

/// A row of the paper's table 2: `blocks` blocks of `out` channels, expanded `expand` times in between.
struct MobileNetStage {
  std::int64_t expand = 6;  ///< Factor of the inner channels, >= 1.
  std::int64_t out = 0;     ///< Channels, >= 1.
  std::int64_t blocks = 1;  ///< Blocks, >= 1.
  std::int64_t stride = 1;  ///< Of the first block.
};

/// Options of MobileNetV2.
struct MobileNetV2Options {
  std::int64_t stem = 32;  ///< Channels of the first convolution.
  /// The paper's stages, with stride 1 where 32x32 images are too small for its 2: 4x4 pixels are left.
  std::vector<MobileNetStage> stages{{1, 16, 1, 1}, {6, 24, 2, 1},  {6, 32, 3, 2}, {6, 64, 4, 2},
                                     {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
  std::int64_t head = 1280;   ///< Channels of the last convolution.
  double dropout = 0;         ///< Probability of dropping, in front of the linear layer.
  NormOptions norm = {};      ///< Behind each convolution.
  std::int64_t channels = 3;  ///< Of the images.
  std::int64_t classes = 10;  ///< Length of the output.
};

/// Options of InvertedResidual.
struct InvertedResidualOptions {
  std::int64_t in = 0;      ///< Channels of the input, >= 1.
  std::int64_t out = 0;     ///< Channels of the output, >= 1.
  std::int64_t expand = 6;  ///< Factor of the inner channels; 1: no first convolution.
  std::int64_t stride = 1;  ///< Of the depthwise convolution.
  NormOptions norm = {};    ///< Behind each convolution.
};

/// A 1x1 convolution to more channels, a 3x3 depthwise one, and a 1x1 convolution to `out` channels without activation;
/// the input is added where the shape stays. Norm behind each, min(relu, 6) behind the first two.
class InvertedResidual : public Layer {
 public:
  /// For Child and Sequential.
  using Options = InvertedResidualOptions;

  /// \throws Error when an option is out of range.
  InvertedResidual(const InvertedResidualOptions& options, const Rng& rng);
  ~InvertedResidual() override;

  Var forward(const Var& x) override;

 private:
  bool added_;
  std::optional<Child<Conv2d>> expand_;
  std::unique_ptr<Normalizer> norm1_;
  Child<Conv2d> depthwise_;
  std::unique_ptr<Normalizer> norm2_;
  Child<Conv2d> project_;
  std::unique_ptr<Normalizer> norm3_;
};

/// `[n, h, w, channels]` -> `[n, classes]`: a 3x3 convolution of stride 1, the stages, a 1x1 convolution, global
/// average pooling, a linear layer. Source: Sandler, Howard, Zhu, Zhmoginov, Chen 2018, "MobileNetV2".
class MobileNetV2 : public Layer {
 public:
  /// For make_model().
  using Options = MobileNetV2Options;

  /// \param rng the key of the model.
  /// \throws Error when there is no stage or an option is out of range.
  MobileNetV2(const MobileNetV2Options& options, const Rng& rng);
  ~MobileNetV2() override;

  Var forward(const Var& x) override;

 private:
  Child<Conv2d> conv1_;
  std::unique_ptr<Normalizer> norm1_;
  Child<Sequential> blocks_;
  Child<Conv2d> conv2_;
  std::unique_ptr<Normalizer> norm2_;
  std::optional<Child<Dropout>> dropout_;
  Child<Linear> fc_;
};

}  // namespace ebb
