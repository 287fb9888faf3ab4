/// \file
/// Two-dimensional convolution of tensors in its three passes. What conv2d and conv_transpose2d share: the forward pass
/// of one is the input gradient of the other.
#pragma once

#include <array>
#include <cstdint>

#include "framework/tensor/tensor.h"

namespace ebb {

/// How a convolution of 3x3 filters with stride 1, dilation 1, one group and padding up to 2 is computed in f32.
/// Others, and all of f64, take the direct method whatever is asked for.
///
/// Winograd's F(m x m, 3x3) needs 2.25 (m = 2) or 4 (m = 4) times fewer multiplications. Rounding errors of F(2x2) are
/// no larger than those of the direct method, those of F(4x4) about twice as large, and relative to the largest number
/// of a tile of 6x6: an outlier of size s leaves errors of up to 5e-7 s in outputs that do not depend on it, and a
/// number that is not finite makes up to 16 outputs of each channel NaN beside those under its filter. F(2x2), as the
/// direct method, keeps either to the outputs under the filter.
enum class Winograd {
  automatic,  ///< What is fastest for the shape, up to the m of the environment variable EBB_WINOGRAD: 4 (default), 2,
              ///< 0.
  off,        ///< Direct.
  f2,         ///< F(2x2, 3x3).
  f4,         ///< F(4x4, 3x3).
};

/// Sizes of a convolution from `in` to `out` channels; pairs are {height, width}. Weights are
/// `[kh, kw, in/groups, out]`, or with `weight_out_first` `[kh, kw, out, in/groups]`, as a transposed convolution
/// keeps them.
struct ConvolutionShape {
  std::int64_t images = 0;                     ///< Batch.
  std::int64_t in = 0;                         ///< Channels of the images.
  std::int64_t out = 0;                        ///< Channels of the result.
  std::array<std::int64_t, 2> input{};         ///< Of the images.
  std::array<std::int64_t, 2> output{};        ///< Of the result.
  std::array<std::int64_t, 2> kernel{};        ///< Filter taps.
  std::array<std::int64_t, 2> stride{1, 1};    ///< Step between output pixels.
  std::array<std::int64_t, 2> padding{0, 0};   ///< Zeros above and on the left; behind, as many as `output` asks for.
  std::array<std::int64_t, 2> dilation{1, 1};  ///< Step between filter taps.
  std::int64_t groups = 1;                     ///< Divides in and out.
  bool weight_out_first = false;               ///< See above.
  Winograd winograd = Winograd::automatic;     ///< How it is computed.

  /// `[images, input height, input width, in]`
  Shape input_shape() const { return {images, input[0], input[1], in}; }

  /// `[images, output height, output width, out]`
  Shape output_shape() const { return {images, output[0], output[1], out}; }

  /// Shape of the weights.
  Shape weight_shape() const {
    return weight_out_first ? Shape{kernel[0], kernel[1], out, in / groups}
                            : Shape{kernel[0], kernel[1], in / groups, out};
  }
};

/// y of shape.output_shape(): the cross-correlation of x with the weights, plus bias `[out]` where it is defined.
/// Tensors are f32 or f64, all of one type, and of the shapes that `shape` says; shapes are the caller's to check.
/// \param stats where not null, receives count, mean and M2 of y's channels: f64 `[3, out]`.
/// \param relu y = max(y, 0) in the end, which the statistics do not see.
Tensor convolution(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvolutionShape& shape,
                   Tensor* stats = nullptr, bool relu = false);

/// dx of shape.input_shape() from dy of shape.output_shape(): the transpose of convolution() in x; plus bias `[in]`
/// where it is defined, for a transposed convolution's forward pass.
Tensor convolution_input_gradient(const Tensor& dy, const Tensor& weight, const Tensor& bias,
                                  const ConvolutionShape& shape);

/// dw of shape.weight_shape() from x and dy. Sums over pixels run over fixed blocks, added by a fixed tree.
Tensor convolution_weight_gradient(const Tensor& x, const Tensor& dy, const ConvolutionShape& shape);

}  // namespace ebb
