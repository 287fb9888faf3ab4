/// \file
/// Multilayer perceptron.
#pragma once

#include <vector>

#include "framework/nn/flatten.h"
#include "framework/nn/sequential.h"

namespace ebb {

/// Options of Mlp.
struct MlpOptions {
  Shape image{28, 28, 1};                      ///< Shape of an input without the batch, of any rank.
  std::vector<std::int64_t> hidden{512, 512};  ///< Widths of the hidden layers; empty for a linear model.
  std::int64_t classes = 10;                   ///< Length of the output.
};

/// Linear layers with ReLU between them: `[n, ...]` -> `[n, classes]` logits. Layers are named by their index as in
/// PyTorch: flatten, net.0 (Linear), net.1 (ReLU), net.2 ...
class Mlp : public Layer {
 public:
  /// For Child and Sequential.
  using Options = MlpOptions;

  /// \throws Error when a width is below 1.
  Mlp(const MlpOptions& options, const Rng& rng);

  Var forward(const Var& x) override;

  Child<Flatten> flatten;  ///< To vectors.
  Child<Sequential> net;   ///< The layers.
};

}  // namespace ebb
