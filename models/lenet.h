/// \file
/// LeNet-5 as it is usually trained today: ReLU and max pooling.
#pragma once

#include "framework/nn/conv2d.h"
#include "framework/nn/flatten.h"
#include "framework/nn/linear.h"

namespace ebb {

/// Options of LeNet.
struct LeNetOptions {
  Shape image{28, 28, 1};     ///< `[h, w, c]` of an input, h and w at least 12.
  std::int64_t classes = 10;  ///< Length of the output.
};

/// Two convolutions with pooling and three linear maps: `[n, h, w, c]` -> `[n, classes]` logits.
/// 61,706 parameters for MNIST. Source: LeCun, Bottou, Bengio, Haffner 1998.
class LeNet : public Layer {
 public:
  /// For Child and Sequential.
  using Options = LeNetOptions;

  /// \throws Error when an option is out of range.
  LeNet(const LeNetOptions& options, const Rng& rng);

  /// For MNIST.
  explicit LeNet(const Rng& rng) : LeNet({}, rng) {}

  Var forward(const Var& x) override;

  Child<Conv2d> conv1;     ///< 5x5, 6 channels.
  Child<Conv2d> conv2;     ///< 5x5, 16 channels.
  Child<Flatten> flatten;  ///< To vectors.
  Child<Linear> fc1;       ///< To 120.
  Child<Linear> fc2;       ///< To 84.
  Child<Linear> fc3;       ///< To the classes.
};

}  // namespace ebb
