/// \file
/// Dropout: zeros at random in training.
#pragma once

#include "framework/nn/layer.h"

namespace ebb {

/// Options of Dropout.
struct DropoutOptions {
  double p = 0.5;  ///< Probability of a zero, in [0, 1].
};

/// Any shape. In training each element becomes 0 with probability p, the others are divided by 1 - p; in eval mode the
/// identity. Draws are a function of the key of the layer's path, the number of the call and the element: a model
/// restored from its state goes on with the numbers it would have had. In a shard of a batch (ShardPass) the element is
/// that of the whole batch's array.
class Dropout : public Layer {
 public:
  /// For Child and Sequential.
  using Options = DropoutOptions;

  /// \throws Error when p is out of range.
  Dropout(const DropoutOptions& options, const Rng& rng);

  Var forward(const Var& x) override;
  std::string describe() const override;

  Buffer calls;  ///< Scalar i64: calls in training so far.

 private:
  double p_;
  Rng rng_;
};

}  // namespace ebb
