/// \file
/// What a classifier does on a data set.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "data/loader.h"
#include "framework/nn/layer.h"
#include "framework/parallel/communicator.h"
#include "lab/training/confusion.h"

namespace ebb {

/// How one sample was evaluated.
struct EvaluatedSample {
  std::int64_t truth = 0;                      ///< Its class.
  std::optional<std::int64_t> predicted = {};  ///< See predicted_class().
  double confidence = 0;                       ///< Probability of the predicted class; NaN when there is none.
  double loss = 0;                             ///< -log of the probability of its class; NaN without a prediction.
};

/// What a model does on a data set.
struct Evaluation {
  double loss = 0;               ///< Mean negative log-likelihood (cross-entropy without label smoothing); NaN when
                                 ///< some sample got no prediction.
  double accuracy = 0;           ///< Share of right predictions, 0 to 1.
  double calibration_error = 0;  ///< Expected calibration error: see calibration_error().
  Confusion confusion;           ///< Counts by class.
  std::vector<EvaluatedSample> samples;  ///< Of each sample, in the order of the loader.
};

/// Test-time augmentation: logits are averaged over views of an image.
struct EvaluateOptions {
  bool flip = false;           ///< Each view and its mirror image, left to right.
  std::int64_t translate = 0;  ///< With weight 1/4 each also the image shifted by this many pixels to the upper left
                               ///< and to the lower right, borders repeated (Jordan 2024, "94% on CIFAR-10 in 3.29
                               ///< seconds on a single GPU"); the image itself keeps weight 1/2.
};

/// Runs `model` in eval mode over one epoch of `batches`, without recording, and restores the mode of each module.
/// Probabilities are computed in double.
/// \throws Error when the loader makes soft labels, or views are asked for of samples that are no images.
Evaluation evaluate(Layer& model, const Loader& batches, const EvaluateOptions& options = {});

/// As evaluate(), but gives nothing when `stop`, asked before each batch, says so. No `stop`: never.
std::optional<Evaluation> evaluate_until(Layer& model, const Loader& batches, const EvaluateOptions& options,
                                         const std::function<bool()>& stop);

/// As evaluate(), by several ranks that each look at a part of the batches; all get the whole.
Evaluation evaluate(Layer& model, const Loader& batches, const EvaluateOptions& options, parallel::Communicator& ranks);

/// The logits of images f32 `[n, height, width, channels]` as evaluate() has them: in eval mode, without recording,
/// averaged over the views.
Tensor view_logits(Layer& model, const Tensor& images, const EvaluateOptions& options = {});

/// As above, by whatever computes the logits of images, as what prepare() makes does.
Tensor view_logits(const std::function<Tensor(const Tensor&)>& network, const Tensor& images,
                   const EvaluateOptions& options = {});

/// Expected calibration error: the mean of |accuracy - mean confidence| over 15 bins of equal width, weighted by their
/// numbers of samples. Guo et al. 2017, https://arxiv.org/abs/1706.04599. 0 for no samples, NaN when one got no
/// prediction.
double calibration_error(const std::vector<EvaluatedSample>& samples);

/// The images shifted by (rows, columns) pixels, down and to the right, border pixels repeated, and then mirrored left
/// to right if asked.
/// \param images f32 `[n, height, width, channels]`.
Tensor view_of(const Tensor& images, std::int64_t rows, std::int64_t columns, bool mirrored);

}  // namespace ebb
