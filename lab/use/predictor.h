/// \file
/// Predictor: a trained network for pictures.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/resize.h"
#include "framework/nn/layer.h"
#include "framework/nn/prepare.h"
#include "lab/runs/model_card.h"

namespace ebb {

/// What a file of weights does not say, or what is to be other than it says.
struct PredictorOptions {
  std::vector<std::string> settings = {};  ///< "key=value" of a recipe's model keys: "model=resnet20", "norm=group".
  std::string image = {};                  ///< "28x28x1"; empty: as the file says.
  std::vector<std::string> classes = {};   ///< Names; empty: as the file says.
  bool tta_flip = false;                   ///< See EvaluateOptions::flip.
  std::int64_t tta_translate = 0;          ///< See EvaluateOptions::translate.
  std::shared_ptr<const Extensions> extensions = {};  ///< Of the program.
};

/// A network from a file, ready to look at pictures. One thread at a time; the network's loops use all that the process
/// has.
///
/// <!-- code: examples/predict.cpp predict -->
/// ```cpp
/// Predictor predictor(argv[1]);
/// FileSource file(argv[2]);
/// const Tensor picture = predictor.fitted(read_picture(file));  // u8, in the network's size and channels
/// const Tensor chances = predictor.predict(picture.reshape(picture.shape().insert(0, 1)));  // f32 [1, classes]
/// const auto row = chances.span<float>();
/// const auto best = static_cast<std::size_t>(std::ranges::max_element(row) - row.begin());
/// std::cout << predictor.classes()[best] << ", probability " << row[best] << '\n';
/// ```
class Predictor {
 public:
  /// \param path a model.safetensors, or the directory of a finished run. What the file lacks is taken from the run
  ///     directory beside it.
  /// \throws Error naming what is missing and the option that supplies it; when the file is no model's; and when its
  ///     weights do not fit the network.
  explicit Predictor(const std::filesystem::path& path, const PredictorOptions& options = {});

  /// What is known of the network, complete.
  const ModelCard& card() const { return card_; }

  /// `[h, w, c]` that it takes.
  const Shape& image() const { return *card_.image; }

  /// Names of the classes.
  const std::vector<std::string>& classes() const { return card_.classes; }

  /// The network itself, in eval mode. What its weights and buffers hold may change between calls, its layers stay.
  Layer& model() { return *model_; }

  /// A picture of any size in the size and the channels that the network takes.
  /// \param picture u8 `[height, width, 1 or 3]`; see read_picture().
  Tensor fitted(const Tensor& picture, const ResizeOptions& options = {}) const;

  /// Pixels as the network sees them, f32 of the same shape.
  /// \param pixels u8 `[n, h, w, c]` of image(). \throws Error on another shape.
  Tensor standardised(const Tensor& pixels) const;

  /// The logits of pictures, f32 `[n, classes]`, as an evaluation computes them, to the last bit. From the second call
  /// on the network is prepared (see prepare()): its weights are then in memory a second time, arranged.
  /// \param pixels u8 `[n, h, w, c]` of image().
  /// \throws Error on another shape.
  Tensor logits(const Tensor& pixels);

  /// Their probabilities, f32 `[n, classes]`, computed in double.
  Tensor predict(const Tensor& pixels);

 private:
  std::uint64_t state() const;

  ModelCard card_;
  std::unique_ptr<Layer> model_;
  std::vector<const Tensor*> numbers_;  // all that it holds
  std::uint64_t seen_ = 0;              // state of the model at the last call
  std::optional<Prepared> prepared_;    // of that state
  bool flip_;
  std::int64_t translate_;
};

/// The softmax of logits f32 `[n, classes]`, computed in double.
Tensor probabilities(const Tensor& logits);

}  // namespace ebb
