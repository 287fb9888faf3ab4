/// \file
/// LayerNorm: normalisation of each vector of the last axis.
#pragma once

#include "framework/nn/layer.h"

namespace ebb {

/// Options of LayerNorm.
struct LayerNormOptions {
  std::int64_t size = 0;  ///< Length of the last axis, >= 1.
  double eps = 1e-5;      ///< Added to the variance, >= 0.
  bool affine = true;     ///< Whether there are scale and shift.
};

/// `[..., size]` -> the same shape, see layer_norm().
class LayerNorm : public Layer {
 public:
  /// For Child and Sequential.
  using Options = LayerNormOptions;

  /// \throws Error when an option is out of range.
  explicit LayerNorm(const LayerNormOptions& options);

  Var forward(const Var& x) override;
  std::string describe() const override;

  std::optional<Parameter> scale;  ///< `[size]`, ones at first.
  std::optional<Parameter> shift;  ///< `[size]`, zeros at first.

 private:
  LayerNormOptions options_;
};

}  // namespace ebb
