/// \file
/// The networks that studies train, and batches to try them on.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "data/loader.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/group_norm.h"
#include "framework/nn/layer.h"
#include "framework/nn/layer_norm.h"
#include "framework/nn/linear.h"
#include "optim/optimizer.h"

namespace ebb::workloads {

/// Options of BnMlp.
struct BnMlpOptions {
  std::int64_t in = 784;      ///< Length of an input.
  std::int64_t hidden = 64;   ///< Width.
  std::int64_t classes = 10;  ///< Length of the output.
  double eps = 1e-5;          ///< Of the batch norm.
  bool bias = false;          ///< In front of the batch norm, where it has no effect.
  bool smooth = false;        ///< Softplus in place of ReLU.
};

/// Linear, batch norm, activation, linear; images are laid out flat.
class BnMlp : public Layer {
 public:
  /// For Child.
  using Options = BnMlpOptions;

  BnMlp(const BnMlpOptions& options, const Rng& rng);  ///< Of f32 numbers.
  Var forward(const Var& x) override;

  Child<Linear> fc1;       ///< In front of the norm.
  Child<BatchNorm1d> bn1;  ///< With scale and shift.
  Child<Linear> fc2;       ///< The head.

 private:
  bool smooth_;
};

/// Options of PlainMlp.
struct PlainMlpOptions {
  std::int64_t in = 784;      ///< Length of an input.
  std::int64_t hidden = 64;   ///< Width.
  std::int64_t classes = 10;  ///< Length of the output.
};

/// Linear, ReLU, linear: no norm; images are laid out flat.
class PlainMlp : public Layer {
 public:
  /// For Child.
  using Options = PlainMlpOptions;

  PlainMlp(const PlainMlpOptions& options, const Rng& rng);  ///< Of f32 numbers.
  Var forward(const Var& x) override;

  Child<Linear> fc1;  ///< In front of the ReLU.
  Child<Linear> fc2;  ///< The head.
};

/// Options of SmallCnn.
struct SmallCnnOptions {
  std::int64_t side = 28;                    ///< Of the images, a multiple of 4.
  std::int64_t channels = 1;                 ///< Of the images.
  std::array<std::int64_t, 2> width{8, 16};  ///< Of the convolutions.
  std::int64_t classes = 10;                 ///< Length of the output.
  double eps = 1e-5;                         ///< Of the batch norms.
};

/// Twice convolution of 3x3, batch norm, ReLU and pooling by 2; a linear layer.
class SmallCnn : public Layer {
 public:
  /// For Child.
  using Options = SmallCnnOptions;

  SmallCnn(const SmallCnnOptions& options, const Rng& rng);  ///< Of f32 numbers.
  Var forward(const Var& x) override;

  Child<Conv2d> conv1;     ///< In front of bn1.
  Child<BatchNorm2d> bn1;  ///< With ReLU.
  Child<Conv2d> conv2;     ///< In front of bn2.
  Child<BatchNorm2d> bn2;  ///< With ReLU.
  Child<Linear> fc;        ///< The head.
};

/// Options of SampleNormNet.
struct SampleNormNetOptions {
  std::int64_t groups = 0;  ///< Of channels that are normalised together; 0: a layer norm, of all of them.
  double eps = 1e-5;        ///< Of the norm.
};

/// Linear 12 to 16, a norm of single samples, ReLU, linear to 4.
class SampleNormNet : public Layer {
 public:
  SampleNormNet(const SampleNormNetOptions& options, const Rng& rng);  ///< Of f64 numbers.
  Var forward(const Var& x) override;

  Child<Linear> fc1;                      ///< In front of the norm.
  std::optional<Child<LayerNorm>> layer;  ///< One of the two is there.
  std::optional<Child<GroupNorm>> group;  ///< The other one.
  Child<Linear> fc2;                      ///< The head.
};

/// Convolution to 4 channels, a block with a skip around two of them, mean, linear to 4; each convolution has a bias
/// and stands in front of a batch norm.
class ResidualNet : public Layer {
 public:
  ResidualNet(double eps, const Rng& rng);  ///< Of f64 numbers, for grey images.
  Var forward(const Var& x) override;

  Child<Conv2d> stem;      ///< In front of bn0.
  Child<BatchNorm2d> bn0;  ///< With ReLU; the skip begins behind it.
  Child<Conv2d> conv1;     ///< In front of bn1.
  Child<BatchNorm2d> bn1;  ///< With ReLU.
  Child<Conv2d> conv2;     ///< In front of bn2.
  Child<BatchNorm2d> bn2;  ///< In front of the sum.
  Child<Linear> fc;        ///< The head.
};

/// Inputs with their classes.
struct Batch {
  Tensor x;       ///< Normal numbers, f64.
  Tensor labels;  ///< The class is the greatest of the sample's first numbers.
};

/// \param shape of the inputs, the number of samples first.
Batch made_up(const Shape& shape, std::int64_t classes, const Rng& rng);

/// The same, a share of whose labels is drawn at random.
Batch made_up_noisy(const Shape& shape, std::int64_t classes, double share, const Rng& rng);

/// The share of samples whose greatest logit is that of their label.
double accuracy(const Tensor& logits, const Tensor& labels);

/// Cross-entropy and its gradients, which replace those there are. \returns the loss.
double gradients(Layer& model, const Batch& batch);

/// Steps of the optimizer on the batches of so many epochs, each with its gradients() alone. \returns the mean loss of
/// the last epoch's batches.
double train(Layer& model, Optimizer& optimizer, const Loader& train, std::int64_t epochs);

}  // namespace ebb::workloads
