/// \file
/// Session: a recipe put together, ready to train.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "framework/tensor/memory.h"
#include "lab/audit/audit.h"
#include "lab/recipe/recipe.h"
#include "lab/setup/build.h"
#include "lab/training/trainer.h"

namespace ebb {

/// The options of the trainer that a recipe asks for.
TrainerOptions trainer_options(const Recipe& recipe);

/// Sets the number of threads where the recipe says one, before anything computes. Returns the recipe.
const Recipe& use_threads(const Recipe& recipe);

/// How evaluations go through their data: in batches not larger than those of the training, so that its memory
/// is enough for them.
LoaderOptions in_order(const Recipe& recipe);

/// The objects of a training, made from a recipe.
struct Session {
  /// Sets the number of threads and reads the data.
  /// \param standardisation of a training that goes on: its weights are in a checkpoint. Otherwise it is fitted to the
  ///     training data, and the weights begin as the recipe says.
  /// \param progress of a folder of pictures that is read. \param ranks see Trainer.
  /// \throws Error for missing data, keys that contradict each other, and data or weights that do not fit into memory.
  explicit Session(const Recipe& wanted, const std::optional<PixelStatistics>& standardisation = {},
                   const PictureProgress& progress = {}, parallel::Communicator& ranks = parallel::alone())
      : Session(wanted, standardisation, progress, ranks, memory::Guard()) {}

  Recipe recipe;                         ///< As given.
  RecipeData data;                       ///< Data sets of the loaders.
  Loader train;                          ///< What is learned from.
  Loader evaluated;                      ///< What evaluations are made on: validation data where there are any.
  Loader test;                           ///< The test data.
  std::unique_ptr<Layer> model;          ///< Untrained at first.
  std::unique_ptr<Optimizer> optimizer;  ///< Of the model.
  Trainer trainer;                       ///< Of all these.

  /// "validation" or "test": what evaluations are made on.
  std::string evaluated_on() const { return data.validation ? "validation" : "test"; }

  /// What the final weights do on the test data.
  Evaluation test_evaluation();

  /// The summary of the trainer, with the names of the recipe.
  /// \param test as test_evaluation() gives it.
  TrainSummary summary(const Evaluation& test);

  /// Records a pass over the first samples of the training and looks at every parameter; see audit(). What the model
  /// holds does not change. \param samples at most those of a batch. \param probe see AuditOptions.
  Audit audited(std::int64_t samples, bool probe) const;

  /// What the training begins with: the audit of its first batch without the probe, made at the first call and kept.
  const Audit& beginning();

  /// What the program prints before the first epoch: version, data, layers, groups.
  std::string header() const;

  /// What is to be read before it: see run_warnings().
  std::vector<std::string> warnings() const;

 private:
  Session(const Recipe& wanted, const std::optional<PixelStatistics>& standardisation, const PictureProgress& progress,
          parallel::Communicator& ranks, const memory::Guard& guard);

  std::optional<Audit> beginning_;
};

}  // namespace ebb
