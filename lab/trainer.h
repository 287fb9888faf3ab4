/// \file
/// Trainer: epochs, evaluation, progress and the run directory, for people who write their own main.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "data/loader.h"
#include "framework/nn/layer.h"
#include "lab/metrics.h"
#include "lab/summary.h"
#include "optim/optimizer.h"

namespace ebb {

/// What a model does on a data set.
struct Evaluation {
  double loss = 0;      ///< Mean cross-entropy, without label smoothing.
  double accuracy = 0;  ///< Share of right predictions, 0 to 1.
  Confusion confusion;  ///< Counts by class.
};

/// Runs `model` in eval mode over one epoch of `batches`, without recording, and restores its mode.
Evaluation evaluate(Layer& model, const Loader& batches);

/// How a Trainer runs.
struct TrainerOptions {
  std::int64_t epochs = 5;                                     ///< Passes over the training data.
  double label_smoothing = 0;                                  ///< Of the training loss, in [0, 1).
  bool progress = true;                                        ///< Draw a progress line when there is a terminal.
  std::function<void(const EpochResult&)> on_epoch = nullptr;  ///< Called after each epoch.
};

/// Trains a classifier with softmax cross-entropy.
///
///     Trainer trainer(model, optimizer, train, test, {.epochs = 10});
///     const TrainSummary summary = trainer.run();
///     save_run("runs/mine", model, summary);
class Trainer {
 public:
  /// The model, the optimizer and the loaders must outlive the trainer.
  Trainer(Layer& model, Optimizer& optimizer, const Loader& train, const Loader& test, TrainerOptions options);

  /// All epochs. The summary has everything but the names of recipe, data and model.
  /// \throws Error when the loss becomes NaN or infinite, naming epoch and step.
  TrainSummary run();

  /// Of the last evaluation; for no epochs, of the untrained model.
  const Confusion& confusion() const { return confusion_; }

 private:
  EpochResult train_epoch(std::int64_t epoch);

  Layer& model_;
  Optimizer& optimizer_;
  const Loader& train_;
  const Loader& test_;
  TrainerOptions options_;
  Confusion confusion_;
};

/// Writes `model.safetensors` (parameters and buffers) and `summary.json` into a directory, which is made if need be.
/// Each file is replaced as a whole or not at all.
/// \throws Error naming the file and the cause.
void save_run(const std::filesystem::path& directory, Module& model, const TrainSummary& summary);

}  // namespace ebb
