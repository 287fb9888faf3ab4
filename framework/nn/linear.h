/// \file
/// Linear: the affine map x W + b.
#pragma once

#include "framework/nn/init.h"
#include "framework/nn/layer.h"

namespace ebb {

/// Options of Linear.
struct LinearOptions {
  std::int64_t in = 0;   ///< Length of the last axis of the input, >= 1.
  std::int64_t out = 0;  ///< Length of the last axis of the output, >= 1.
  bool bias = true;      ///< Whether b is added.
  Init init = {};        ///< Of the weight; by default U(-1, 1) / sqrt(in), as PyTorch's.
  Init bias_init = {};   ///< Of the bias; by default U(-1, 1) / sqrt(in), as PyTorch's.
};

/// y = x W + b over the last axis: `[..., in]` -> `[..., out]`.
class Linear : public Layer {
 public:
  /// For Child and Sequential.
  using Options = LinearOptions;

  /// \throws Error when a size is below 1.
  Linear(const LinearOptions& options, const Rng& rng);

  Var forward(const Var& x) override;
  std::string describe() const override;
  std::int64_t multiply_adds(const Shape& x, const Shape& y) const override;

  Parameter weight;               ///< `[in, out]`
  std::optional<Parameter> bias;  ///< `[out]`, or nothing.
};

}  // namespace ebb
