/// \file
/// What a training came to, and the file that says so.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ebb {

/// One epoch of a training.
struct EpochResult {
  std::int64_t epoch = 0;      ///< Counted from 1.
  double lr = 0;               ///< Mean learning rate of its steps.
  double train_loss = 0;       ///< Mean over the training samples as they were seen; NaN when all were left out.
  double train_accuracy = 0;   ///< Likewise, 0 to 1.
  double evaluation_loss = 0;  ///< After the epoch, on the data of the evaluations; NaN when there was none, or when
                               ///< it was not finite.
  double evaluation_accuracy = 0;  ///< Likewise, 0 to 1; NaN when there was no evaluation.
  double seconds = 0;              ///< Training only.
  double images_per_second = 0;    ///< Training only.
};

/// What `summary.json` holds.
struct TrainSummary {
  std::string recipe;                 ///< Name of the recipe.
  std::string data;                   ///< Name of the data set.
  std::string model;                  ///< Name of the model.
  std::int64_t parameters = 0;        ///< Learnable values.
  double test_accuracy = 0;           ///< After the last epoch, 0 to 1.
  double test_loss = 0;               ///< After the last epoch.
  double images_per_second = 0;       ///< Training images over training seconds.
  double seconds = 0;                 ///< The whole run: training and evaluation.
  std::int64_t epochs = 0;            ///< Epochs done.
  std::int64_t steps = 0;             ///< Optimizer steps done.
  std::string evaluated_on = "test";  ///< What the curve's evaluations were made on: "test" or "validation".
  std::uint64_t seed = 0;             ///< Seed of everything random.
  int threads = 0;                    ///< Threads of the parallel loops.
  std::string instruction_set;        ///< Kernels in use.
  std::string weights_sha256;         ///< Over names, types, shapes and bytes of parameters and buffers.
  std::string state_sha256;           ///< As above over everything in a checkpoint: optimizer and averages too.
  std::vector<EpochResult> curve;     ///< A point for each epoch.
};

/// The summary as JSON, indented.
std::string to_json(const TrainSummary& summary);

}  // namespace ebb
