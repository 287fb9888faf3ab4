/// \file
/// The counters of a training: its place, and what it has summed up so far.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lab/training/summary.h"

namespace ebb {

/// Everything in the state of a training that is neither a tensor nor the optimizer's.
struct TrainerCounters {
  std::int64_t epoch = 0;               ///< Complete ones.
  std::int64_t position = 0;            ///< Batches of the current one; all while its evaluation is still to come.
  std::int64_t batches = 0;             ///< Of an epoch.
  std::int64_t epoch_samples = 0;       ///< Samples of an epoch.
  std::int64_t samples = 0;             ///< Of the current epoch so far.
  std::int64_t hits = 0;                ///< Right ones among them.
  double loss_sum = 0;                  ///< Over them.
  double lr_sum = 0;                    ///< Over the batches of the epoch so far.
  double epoch_seconds = 0;             ///< Spent on it.
  double seconds = 0;                   ///< Spent on all complete epochs, evaluations included.
  double best = -1;                     ///< Best accuracy so far; -1: none.
  std::int64_t best_step = 0;           ///< Batches before it; 0: none.
  std::int64_t bad = 0;                 ///< Evaluations since the best one that saw an update.
  std::int64_t rollbacks = 0;           ///< Returns to a snapshot.
  std::vector<EpochResult> curve = {};  ///< A point for each complete epoch.
};

/// The counters as JSON.
std::string to_json(const TrainerCounters& counters);

/// Reads what to_json() wrote. Everything is checked: types, ranges, and what must fit together.
/// \param where what messages call the state.
/// \throws Error naming the counter, its value and what it may be.
TrainerCounters counters_from_json(const std::string& json, const std::string& where);

}  // namespace ebb
