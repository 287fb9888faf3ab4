/// \file
/// Conv2d: convolution of NHWC images.
#pragma once

#include "framework/nn/init.h"
#include "framework/nn/layer.h"
#include "framework/ops/convolution.h"

namespace ebb {

/// Options of Conv2d; pairs are {height, width}.
struct Conv2dOptions {
  std::int64_t in = 0;                         ///< Input channels, >= 1.
  std::int64_t out = 0;                        ///< Output channels, >= 1.
  std::array<std::int64_t, 2> kernel{3, 3};    ///< Filter taps, >= 1.
  std::array<std::int64_t, 2> stride{1, 1};    ///< Step between output pixels, >= 1.
  std::array<std::int64_t, 2> padding{0, 0};   ///< Zeros on each side, >= 0.
  std::array<std::int64_t, 2> dilation{1, 1};  ///< Step between filter taps, >= 1.
  bool same_padding = false;                   ///< Instead of `padding`: as much as makes oh = ceil(h / stride).
  std::int64_t groups = 1;                     ///< Divides in and out; `in` groups is depthwise.
  bool bias = true;                            ///< Whether a bias is added.
  bool channel_sums = false;                   ///< In training, compute the statistics for the BatchNorm2d behind it.
  /// How 3x3 filters with stride 1 are computed in f32. F(4x4) spreads outliers over a tile: see Winograd.
  Winograd winograd = Winograd::automatic;
  Init init = {};       ///< Of the weight; by default U(-1, 1) / sqrt(kh kw in / groups), as PyTorch's.
  Init bias_init = {};  ///< Of the bias; by default as the weight's.
};

/// `[n, h, w, in]` -> `[n, oh, ow, out]`, see conv2d().
class Conv2d : public Layer {
 public:
  /// For Child and Sequential.
  using Options = Conv2dOptions;

  /// \throws Error when an option is out of range.
  Conv2d(const Conv2dOptions& options, const Rng& rng);

  Var forward(const Var& x) override;

  /// As forward(), with channel_sums for this call.
  Var forward(const Var& x, bool channel_sums);

  /// The convolution with this layer's geometry and other filters, for example such that a norm was folded into, and
  /// an activation.
  Var apply(const Var& x, const Var& filters, const Var& offsets, Activation activation = Activation::none) const;

  std::string describe() const override;
  std::int64_t multiply_adds(const Shape& x, const Shape& y) const override;

  /// Stride, padding, dilation and groups.
  const Conv2dGeometry& geometry() const { return geometry_; }

  Parameter weight;               ///< `[kh, kw, in/groups, out]`
  std::optional<Parameter> bias;  ///< `[out]`, or nothing.

 private:
  Conv2dGeometry geometry_;
  Conv2dCall call_;  // in training
};

}  // namespace ebb
