/// \file
/// Embedding: a learnable table of vectors.
#pragma once

#include "framework/nn/init.h"
#include "framework/nn/layer.h"

namespace ebb {

/// Options of Embedding.
struct EmbeddingOptions {
  std::int64_t rows = 0;   ///< Number of vectors, >= 1.
  std::int64_t width = 0;  ///< Length of a vector, >= 1.
  Init init = {};          ///< By default N(0, 1), as PyTorch's.
};

/// Integer indices of any shape -> `[..., width]`, see embedding().
class Embedding : public Layer {
 public:
  /// For Child and Sequential.
  using Options = EmbeddingOptions;

  /// \throws Error when a size is below 1.
  Embedding(const EmbeddingOptions& options, const Rng& rng);

  Var forward(const Var& indices) override;
  std::string describe() const override;

  Parameter weight;  ///< `[rows, width]`
};

}  // namespace ebb
