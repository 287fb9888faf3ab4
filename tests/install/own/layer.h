// A layer: softsign, stretched in each channel.
#pragma once

#include <ebb/framework/nn/layer.h>
#include <ebb/framework/ops/arithmetic.h>

#include "op.h"

namespace user {

struct StretchOptions {
  std::int64_t channels = 0;
};

class Stretch : public ebb::Layer {
 public:
  using Options = StretchOptions;

  explicit Stretch(const StretchOptions& o)
      : height_(*this, "height", ebb::Role::scalar, ebb::Tensor::full({o.channels}, 2.0)) {}
  ebb::Var forward(const ebb::Var& x) override { return softsign(x) * height_; }

 private:
  ebb::Parameter height_;
};

}  // namespace user
