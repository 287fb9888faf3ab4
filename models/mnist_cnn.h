/// \file
/// The convolutional network of PyTorch's MNIST example.
#pragma once

#include "framework/nn/conv2d.h"
#include "framework/nn/dropout.h"
#include "framework/nn/flatten.h"
#include "framework/nn/linear.h"

namespace ebb {

/// Options of MnistCnn.
struct MnistCnnOptions {
  std::int64_t channels = 1;  ///< Of the images.
  std::int64_t classes = 10;  ///< Length of the output.
};

/// Two 3x3 convolutions (32 and 64 channels) with ReLU, max pooling, dropout, and two linear layers:
/// `[n, 28, 28, channels]` -> `[n, classes]`. 1,199,882 parameters. Source: pytorch/examples, mnist/main.py.
class MnistCnn : public Layer {
 public:
  /// For make_model().
  using Options = MnistCnnOptions;

  /// \param rng the key of the model.
  MnistCnn(const MnistCnnOptions& options, const Rng& rng);

  Var forward(const Var& x) override;

 private:
  Child<Conv2d> conv1_;
  Child<Conv2d> conv2_;
  Child<Dropout> dropout1_;
  Child<Flatten> flatten_;
  Child<Linear> fc1_;
  Child<Dropout> dropout2_;
  Child<Linear> fc2_;
};

}  // namespace ebb
