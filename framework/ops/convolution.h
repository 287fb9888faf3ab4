/// \file
/// Two-dimensional convolution (cross-correlation, as everywhere in deep learning) on NHWC images.
#pragma once

#include <array>
#include <cstdint>

#include "framework/autograd/tape.h"
#include "framework/compute/convolution.h"
#include "framework/ops/activation.h"

namespace ebb {

/// Geometry of conv2d(); pairs are {height, width}.
struct Conv2dGeometry {
  std::array<std::int64_t, 2> stride{1, 1};    ///< Step between output pixels, >= 1.
  std::array<std::int64_t, 2> padding{0, 0};   ///< Zeros on each side, >= 0.
  std::array<std::int64_t, 2> dilation{1, 1};  ///< Step between filter taps, >= 1.
  bool same_padding = false;  ///< Instead of `padding`: as much as makes oh = ceil(h / stride); an odd row is below.
  std::int64_t groups = 1;    ///< Divides input and output channels; `in` groups is depthwise.
};

/// What a call of conv2d() does beside its sums, and how it makes them.
struct Conv2dCall {
  bool channel_sums = false;  ///< Also compute Var::channel_stats() of the output, for a batch_norm that follows.
  Activation activation = Activation::none;  ///< Applied to the result in the same pass; not beside channel_sums.
  /// How 3x3 filters with stride 1 are computed in f32, in all three passes. F(4x4) spreads outliers: see Winograd.
  Winograd winograd = Winograd::automatic;
};

/// x `[n, h, w, in]`, weight `[kh, kw, in/groups, out]`, bias `[out]` or undefined -> `[n, oh, ow, out]` with
/// oh = (h + 2 padding - dilation (kh - 1) - 1) / stride + 1, and ow likewise.
/// \throws Error naming the shapes when channels do not match, a window does not fit, or an option is out of range.
Var conv2d(const Var& x, const Var& weight, const Var& bias, const Conv2dGeometry& geometry = {},
           const Conv2dCall& call = {});

/// Geometry of conv_transpose2d(); pairs are {height, width}.
struct ConvTranspose2dGeometry {
  std::array<std::int64_t, 2> stride{1, 1};          ///< Step between the images of input pixels, >= 1.
  std::array<std::int64_t, 2> padding{0, 0};         ///< Rows and columns cut from each side of the output.
  std::array<std::int64_t, 2> output_padding{0, 0};  ///< Rows and columns added at one side; below stride or dilation.
  std::array<std::int64_t, 2> dilation{1, 1};        ///< Step between filter taps, >= 1.
  std::int64_t groups = 1;                           ///< Divides input and output channels.
};

/// The transpose of conv2d: x `[n, h, w, in]`, weight `[kh, kw, in, out/groups]`, bias `[out]` or undefined ->
/// `[n, oh, ow, out]` with oh = (h - 1) stride - 2 padding + dilation (kh - 1) + output_padding + 1.
/// \throws Error as conv2d().
Var conv_transpose2d(const Var& x, const Var& weight, const Var& bias, const ConvTranspose2dGeometry& geometry = {});

}  // namespace ebb
