/// \file
/// How a Trainer runs.
#pragma once

#include <cstdint>
#include <optional>

#include "lab/training/evaluation.h"
#include "lab/training/guard.h"
#include "optim/averaging.h"

namespace ebb {

/// Over what batch norms normalise where a batch is cut into shards.
enum class BatchNormOver : std::uint8_t {
  shard,  ///< Over each shard, as ghost batch norm and other data-parallel trainings do.
  batch,  ///< Over the whole batch, as without shards.
};

/// How a Trainer runs.
struct TrainerOptions {
  std::int64_t epochs = 5;                         ///< Passes over the training data.
  double label_smoothing = 0;                      ///< Of the training loss, in [0, 1).
  std::int64_t evaluate_every = 1;                 ///< Epochs between evaluations; the last epoch always has one.
  EvaluateOptions evaluation = {};                 ///< Test-time augmentation.
  bool views_at_end = false;                       ///< In the last epoch's evaluation alone.
  std::optional<EmaOptions> ema = {};              ///< Evaluate and end with an average of the weights.
  std::optional<LookaheadOptions> lookahead = {};  ///< Slow weights beside the optimizer's.
  std::int64_t swa_from = 0;                       ///< First epoch of the mean that the training ends with; 0: none.
  bool keep_best = false;                          ///< End with the weights of the best evaluation.
  std::int64_t patience = 0;                       ///< Evaluations without improvement that end the run; 0: never.
  double min_improvement = 0;                      ///< Accuracy by which the best must be exceeded.
  OnNonFinite non_finite = OnNonFinite::abort;     ///< At a loss or gradient that is NaN or infinite.
  std::int64_t snapshot_every = 100;               ///< Batches between the snapshots of rollback.
  int rollbacks = 3;                               ///< At most so many; then abort.
  double rollback_factor = 0.5;                    ///< Multiplies the learning rate at each.
  std::int64_t measure_every = 0;                  ///< Batches between measurements of the groups; 0: never.
  int shards = 1;  ///< Parts of every batch that are computed each by itself: a power of two up to 256.
  BatchNormOver batch_norm_over = BatchNormOver::shard;  ///< With two shards or more.
  bool overlap = true;  ///< Send gradients to other ranks while the backward pass goes on.
};

}  // namespace ebb
