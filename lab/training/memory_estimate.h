/// \file
/// How much memory a training will need, before its first step.
#pragma once

#include <cstdint>

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
/// needs too. \param train whose batches are made ahead. \param batch images in a step, at least 1. \throws Error when
/// there is no memory even for batches of one image.
MemoryEstimate estimate_memory(Layer& model, const Optimizer& optimizer, const TrainerOptions& options,
                               const Loader& train, std::int64_t batch);

/// The largest batch whose need is within `available` bytes; 0 when none is.
std::int64_t largest_batch(const MemoryEstimate& estimate, std::int64_t available);

/// Compares the estimate for the batches of `train` with available_memory(). Where a few images show that there is four
/// times as much as needed, it leaves it at that.
/// \throws Error with the largest batch that fits when it is not within that.
void require_memory(Layer& model, const Optimizer& optimizer, const TrainerOptions& options, const Loader& train);

}  // namespace ebb
