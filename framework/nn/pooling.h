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

/// Options of AdaptiveMaxPool2d and AdaptiveAvgPool2d.
struct AdaptivePoolOptions {
  std::array<std::int64_t, 2> output{1, 1};  ///< {height, width} of the result; 0 keeps the size of the images.
};

/// Largest element of each of `output` parts of an image, whatever its size: `[n, h, w, c]` -> `[n, oh, ow, c]`, see
/// adaptive_max_pool2d().
class AdaptiveMaxPool2d : public Layer {
 public:
  using Options = AdaptivePoolOptions;                                  ///< For Child and Sequential.
  explicit AdaptiveMaxPool2d(const AdaptivePoolOptions& options = {});  ///< \throws Error when an output is negative.
  Var forward(const Var& x) override;
  std::string describe() const override;

 private:
  AdaptivePoolOptions options_;
};

/// Mean of each of these parts, see adaptive_avg_pool2d(). With an output of {1, 1} behind a Flatten it is what
/// GlobalAvgPool2d is alone.
class AdaptiveAvgPool2d : public Layer {
 public:
  using Options = AdaptivePoolOptions;                                  ///< For Child and Sequential.
  explicit AdaptiveAvgPool2d(const AdaptivePoolOptions& options = {});  ///< \throws Error when an output is negative.
  Var forward(const Var& x) override;
  std::string describe() const override;

 private:
  AdaptivePoolOptions options_;
};

/// Mean over height and width: `[n, h, w, c]` -> `[n, c]`.
class GlobalAvgPool2d : public Layer {
 public:
  Var forward(const Var& x) override;
};

}  // namespace ebb
