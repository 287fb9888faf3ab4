/// \file
/// StandardizedConv2d: a convolution whose filters are standardised before they are applied.
#pragma once

#include "framework/nn/conv2d.h"

namespace ebb {

/// Options of StandardizedConv2d.
struct StandardizedConv2dOptions {
  Conv2dOptions conv = {};  ///< Of the convolution.
  double eps = 1e-5;        ///< Added to the variance of a filter, >= 0.
};

/// `[n, h, w, in]` -> `[n, oh, ow, out]`: conv2d() with (w - mean) / sqrt(variance + eps) of each filter w, biased,
/// over its kh kw in / groups numbers. Source: Qiao, Wang, Liu, Shen, Yuille 2019, "Weight standardization".
///
/// But for eps, the loss feels neither the length of a filter nor what is added to all of its numbers: decay acts on
/// the former as in front of a batch norm, and alone on the latter.
class StandardizedConv2d : public Layer {
 public:
  /// For Child and Sequential.
  using Options = StandardizedConv2dOptions;

  /// \throws Error when an option is out of range, or a filter has a single number.
  StandardizedConv2d(const StandardizedConv2dOptions& options, const Rng& rng);

  Var forward(const Var& x) override;
  std::string describe() const override;

  Child<Conv2d> conv;  ///< Its weight is what is learned, not what is applied.

 private:
  double eps_;
};

}  // namespace ebb
