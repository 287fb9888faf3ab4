/// \file
/// A small vision transformer.
#pragma once

#include <optional>

#include "framework/nn/conv2d.h"
#include "framework/nn/dropout.h"
#include "framework/nn/linear.h"
#include "framework/nn/multi_head_attention.h"
#include "framework/nn/sequential.h"
#include "models/norm.h"

namespace ebb {

/// Options of VisionTransformer.
struct VisionTransformerOptions {
  Shape image{32, 32, 3};     ///< `[h, w, c]` of an input; `patch` divides height and width.
  std::int64_t patch = 4;     ///< Height and width of what becomes a token.
  std::int64_t width = 64;    ///< Length of a token, >= 1.
  std::int64_t depth = 4;     ///< Blocks, >= 1.
  std::int64_t heads = 4;     ///< Of the attention; divides `width`.
  std::int64_t hidden = 256;  ///< Width of the hidden layer behind each attention, >= 1.
  double dropout = 0;         ///< Probability of dropping what a block adds.
  /// In front of each attention and each pair of linear layers, and behind the last block. Norm::layer: LayerNorm of
  /// each token; the others see an image of tokens.
  NormOptions norm{.kind = Norm::layer};
  std::int64_t classes = 10;  ///< Length of the output.
};

/// x + attention(norm1(x)) =: y, y + fc2(gelu(fc1(norm2(y)))): `[n, tokens, width]` -> the same shape.
class TransformerBlock : public Layer {
 public:
  /// For Child and Sequential.
  using Options = VisionTransformerOptions;

  /// \throws Error when an option is out of range.
  TransformerBlock(const VisionTransformerOptions& options, const Rng& rng);

  Var forward(const Var& x) override;

  Child<Layer> norm1;              ///< In front of the attention.
  Child<MultiHeadAttention> attn;  ///< The attention.
  Child<Layer> norm2;              ///< In front of the linear layers.
  Child<Linear> fc1;               ///< To the hidden layer.
  Child<Linear> fc2;               ///< Back.

 private:
  Var dropped(const Var& x);
  std::optional<Child<Dropout>> dropout_;
};

/// `[n, h, w, c]` -> `[n, classes]`: each patch becomes a token by a linear map, a learned place is added, blocks,
/// norm, the mean over tokens, a linear layer. Source: Dosovitskiy et al. 2021, "An image is worth 16x16 words", with
/// the mean in place of a token for the class: Beyer, Zhai, Kolesnikov 2022, "Better plain ViT baselines for
/// ImageNet-1k".
class VisionTransformer : public Layer {
 public:
  /// For make_model().
  using Options = VisionTransformerOptions;

  /// \throws Error when an option is out of range.
  VisionTransformer(const VisionTransformerOptions& options, const Rng& rng);

  Var forward(const Var& x) override;

  Child<Conv2d> patches;     ///< Images to tokens.
  Parameter places;          ///< `[tokens, width]`, added to the tokens.
  Child<Sequential> blocks;  ///< Of TransformerBlock.
  Child<Layer> norm;         ///< Behind them.
  Child<Linear> head;        ///< To classes.
};

}  // namespace ebb
