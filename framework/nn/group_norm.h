/// \file
/// GroupNorm: normalisation of groups of channels of each image.
#pragma once

#include "framework/nn/layer.h"

namespace ebb {

/// Options of GroupNorm.
struct GroupNormOptions {
  std::int64_t groups = 1;    ///< Divides channels.
  std::int64_t channels = 0;  ///< Length of the last axis, >= 1.
  double eps = 1e-5;          ///< Added to the variance, >= 0.
  bool affine = true;         ///< Whether there are scale and shift.
};

/// `[n, ..., channels]` -> the same shape, see group_norm().
class GroupNorm : public Layer {
 public:
  /// For Child and Sequential.
  using Options = GroupNormOptions;

  /// \throws Error when an option is out of range.
  explicit GroupNorm(const GroupNormOptions& options);

  Var forward(const Var& x) override;
  std::string describe() const override;

  std::optional<Parameter> scale;  ///< `[channels]`, ones at first.
  std::optional<Parameter> shift;  ///< `[channels]`, zeros at first.

 private:
  GroupNormOptions options_;
};

}  // namespace ebb
