/// \file
/// How much memory a training will need, before its first step.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/loader.h"
#include "framework/nn/layer.h"
#include "lab/training/trainer.h"

namespace ebb {

/// Bytes that a training needs beside what the process has already: the weights, their averages and the data.
struct MemoryEstimate {
  std::int64_t batch = 0;  ///< For this many images in a step.
  double need = 0;         ///< Gradients, optimizer state, best weights, activations, images ahead, workspace.
  double for_image = 0;    ///< What another image in a batch adds.

  /// Of everything, for batches of `images`: on a straight line, with some margin.
  std::int64_t total(std::int64_t images) const;
  std::int64_t total() const { return total(batch); }  ///< For `batch`.
};

/// Estimates by rehearsing a training: steps, an evaluation and the copies of a checkpoint take their memory as they
/// will. It begins with small batches, and goes on to `batch` where these say that it fits. Weights, buffers and
/// gradients are as before afterwards, and the memory is given back; threads and workspace stay, which the training
/// needs too. In shards it is that of the rank's part, pass by pass, with the sums of gradients.
/// \param train whose batches are made ahead. \param batch images in a step, at least 1, on all ranks.
/// \throws Error when there is no memory even for batches of one image.
MemoryEstimate estimate_memory(Layer& model, const Optimizer& optimizer, const TrainerOptions& options,
                               const Loader& train, std::int64_t batch,
                               const parallel::Communicator& ranks = parallel::alone());

/// The largest batch whose need is within `available` bytes; 0 when none is.
std::int64_t largest_batch(const MemoryEstimate& estimate, std::int64_t available);

/// What one rank of a training needs and finds.
struct RankMemory {
  std::string host;            ///< Ranks of one machine share its memory.
  std::int64_t need = 0;       ///< Bytes.
  std::int64_t available = 0;  ///< As available_memory() says there.
  std::int64_t batch = 0;      ///< The largest batch for which it has enough; 0: none, or not known.
};

/// \throws Error naming the machine, and the largest batch for which all have enough where one is known, when the ranks
/// of a machine need more than the least that one of them finds.
void require_memory(const std::vector<RankMemory>& ranks, std::int64_t batch);

/// Compares the estimate for the batches of `train` with available_memory(), on all ranks. Where a few images show that
/// there is four times as much as needed, it leaves it at that.
/// \throws Error with the largest batch that fits when it is not within that; on all ranks the same.
void require_memory(Layer& model, const Optimizer& optimizer, const TrainerOptions& options, const Loader& train,
                    parallel::Communicator& ranks = parallel::alone());

}  // namespace ebb
