/// \file
/// SpeedNet: the network of the fastest CIFAR-10 trainings.
#pragma once

#include <vector>

#include "framework/nn/sequential.h"

namespace ebb {

/// Options of SpeedNet.
struct SpeedNetOptions {
  std::vector<std::int64_t> widths{64, 256, 256};  ///< Channels of each pair of convolutions, at least one.
  std::int64_t channels = 3;                       ///< Of the images.
  std::int64_t classes = 10;                       ///< Length of the output.
  Tensor images = {};  ///< Standardised f32 `[n, h, w, channels]` that the first filters whiten; none: orthogonal ones.
};

/// Frozen 2x2 filters that whiten the images, GELU; for each width two 3x3 convolutions with batch norm and GELU, the
/// first with 2x2 max pooling behind it and begun as the identity on its inputs; 3x3 max pooling; a linear layer
/// without bias, over 9. Batch norms have no scale (it is frozen) and weigh a new batch by 0.4.
/// `[n, 32, 32, channels]` -> `[n, classes]`. 1.97 M parameters, 0.12 G multiply-adds.
/// Source: Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU".
class SpeedNet : public Layer {
 public:
  /// For make_model().
  using Options = SpeedNetOptions;

  /// \throws Error when there are no widths.
  SpeedNet(const SpeedNetOptions& options, const Rng& rng);

  Var forward(const Var& x) override;

 private:
  Child<Sequential> net_;
};

}  // namespace ebb
