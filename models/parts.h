// Parts that the convolutional networks share.
#pragma once

#include <optional>
#include <string>

#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/group_norm.h"
#include "framework/nn/sequential.h"
#include "models/norm.h"

namespace ebb {

// A convolution of kernel x kernel that keeps the size at stride 1, started for ReLU networks. A bias only where no
// norm follows.
Conv2dOptions conv_options(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride,
                           const NormOptions& norm);

// The same as the last one of a residual branch: see Norm::none.
Conv2dOptions last_conv_options(std::int64_t in, std::int64_t out, std::int64_t kernel, const NormOptions& norm);

// A normalisation as a member of a layer: a child called "bn" or "norm" and `number`.
class Normalizer {
 public:
  Normalizer(Module& parent, const std::string& number, std::int64_t channels, const NormOptions& options);

  // activation(norm(x))
  Var operator()(const Var& x, Activation activation);

  // activation(norm(conv(x)))
  Var after(Conv2d& conv, const Var& x, Activation activation);

 private:
  std::optional<Child<BatchNorm2d>> batch_;
  std::optional<Child<GroupNorm>> group_;
  std::optional<Child<Layer>> own_;
};

// The same behind the last layer of a Sequential, called `name`.
void add_norm(Sequential& net, const std::string& name, std::int64_t channels, const NormOptions& options);

}  // namespace ebb
