/// \file
/// Flatten: images to vectors.
#pragma once

#include "framework/nn/layer.h"

namespace ebb {

/// Options of Flatten.
struct FlattenOptions {
  Shape image = {};  ///< `[h, w, c]` where it is known beforehand: then every input must have it.
};

/// `[n, h, w, c]` -> `[n, h w c]`; any rank from 1 on. Remembers the shape it saw, from which the reader of PyTorch's
/// states knows how to permute the rows of the Linear behind it (PyTorch flattens c, h, w).
class Flatten : public Layer {
 public:
  /// For Child and Sequential.
  using Options = FlattenOptions;

  /// \throws Error when the option is of rank above 5.
  explicit Flatten(const FlattenOptions& options = {});

  Var forward(const Var& x) override;
  std::string describe() const override;

  /// Shape of an input without the batch: the option, or the last one seen; of rank 0 before.
  const Shape& image() const { return image_; }

 private:
  Shape image_;
  bool fixed_;
};

}  // namespace ebb
