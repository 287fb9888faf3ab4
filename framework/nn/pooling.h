/// \file
/// Pooling layers for NHWC images.
#pragma once

#include "framework/nn/layer.h"
#include "framework/ops/pooling.h"

namespace ebb {

/// Largest element of each window: `[n, h, w, c]` -> `[n, oh, ow, c]`, see max_pool2d().
class MaxPool2d : public Layer {
 public:
  using Options = PoolGeometry;                           ///< For Child and Sequential.
  explicit MaxPool2d(const PoolGeometry& geometry = {});  ///< \throws Error when an option is out of range.
  Var forward(const Var& x) override;
  std::string describe() const override;

 private:
  PoolGeometry geometry_;
};

/// Mean of each window: `[n, h, w, c]` -> `[n, oh, ow, c]`, see avg_pool2d().
class AvgPool2d : public Layer {
 public:
  using Options = PoolGeometry;                           ///< For Child and Sequential.
  explicit AvgPool2d(const PoolGeometry& geometry = {});  ///< \throws Error when an option is out of range.
  Var forward(const Var& x) override;
  std::string describe() const override;

 private:
  PoolGeometry geometry_;
};

/// Mean over height and width: `[n, h, w, c]` -> `[n, c]`.
class GlobalAvgPool2d : public Layer {
 public:
  Var forward(const Var& x) override;
};

}  // namespace ebb
