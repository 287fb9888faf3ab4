/// \file
/// ConvTranspose2d: the transpose of a convolution, which enlarges images.
#pragma once

#include "framework/nn/init.h"
#include "framework/nn/layer.h"
#include "framework/ops/convolution.h"

namespace ebb {

/// Options of ConvTranspose2d; pairs are {height, width}.
struct ConvTranspose2dOptions {
  std::int64_t in = 0;                               ///< Input channels, >= 1.
  std::int64_t out = 0;                              ///< Output channels, >= 1.
  std::array<std::int64_t, 2> kernel{3, 3};          ///< Filter taps, >= 1.
  std::array<std::int64_t, 2> stride{1, 1};          ///< Step between the images of input pixels, >= 1.
  std::array<std::int64_t, 2> padding{0, 0};         ///< Rows and columns cut from each side of the output, >= 0.
  std::array<std::int64_t, 2> output_padding{0, 0};  ///< Rows and columns added at one side; below stride or dilation.
  std::array<std::int64_t, 2> dilation{1, 1};        ///< Step between filter taps, >= 1.
  std::int64_t groups = 1;                           ///< Divides in and out.
  bool bias = true;                                  ///< Whether a bias is added.
  Init init = {};       ///< Of the weight; by default U(-1, 1) / sqrt(kh kw out / groups), as PyTorch's.
  Init bias_init = {};  ///< Of the bias; by default as the weight's.
};

/// `[n, h, w, in]` -> `[n, oh, ow, out]`, see conv_transpose2d(). Fans are PyTorch's, which counts a transposed
/// weight as the weight of the convolution it transposes: in = kh kw out / groups, out = kh kw in.
class ConvTranspose2d : public Layer {
 public:
  /// For Child and Sequential.
  using Options = ConvTranspose2dOptions;

  /// \throws Error when an option is out of range.
  ConvTranspose2d(const ConvTranspose2dOptions& options, const Rng& rng);

  Var forward(const Var& x) override;
  std::string describe() const override;
  std::int64_t multiply_adds(const Shape& x, const Shape& y) const override;

  /// Stride, paddings, dilation and groups.
  const ConvTranspose2dGeometry& geometry() const { return geometry_; }

  Parameter weight;               ///< `[kh, kw, in, out/groups]`
  std::optional<Parameter> bias;  ///< `[out]`, or nothing.

 private:
  ConvTranspose2dGeometry geometry_;
};

}  // namespace ebb
