/// \file
/// How much memory a training will need, before its first step.
#pragma once

#include <cstdint>
#include <string>

#include "framework/nn/layer.h"
#include "lab/trainer.h"

namespace ebb {

/// Bytes that a training needs beside what the process has already: the weights and the data.
struct MemoryEstimate {
  std::int64_t batch = 0;       ///< For this many images in a step.
  std::int64_t state = 0;       ///< Optimizer state, averages, copies of the best weights.
  std::int64_t step = 0;        ///< Largest use within a step: activations, gradients, workspace.
  double step_constant = 0;     ///< Part of `step` that does not grow with the batch.
  double step_for_image = 0;    ///< What each image of a batch adds.
  std::int64_t checkpoint = 0;  ///< Copies while a checkpoint is written.

  std::int64_t total() const { return state + step + checkpoint; }  ///< Of everything.
};

/// Estimates by running one step on images of zeros with small batches, and going on in a straight line from there. The
/// measured need of the trainings that were tested lies within 20 % of it. Weights, buffers and gradients are as
/// before afterwards.
/// \param sample shape of one image. \param batch images in a step.
MemoryEstimate estimate_memory(Layer& model, const Optimizer& optimizer, const TrainerOptions& options,
                               const Shape& sample, std::int64_t batch);

/// Bytes that this process may still use: the least of what the machine has free (MemAvailable), the limits of the
/// control groups that it is in, and the limit of its address space.
std::int64_t available_memory();

/// The largest batch whose need is within `available` bytes; 0 when none is.
std::int64_t largest_batch(const MemoryEstimate& estimate, std::int64_t available);

/// \throws Error with the largest batch that fits, unless the estimate is within `available` bytes.
void require_memory(const MemoryEstimate& estimate, std::int64_t available);

/// "1.5 GiB": bytes for people.
std::string bytes_text(std::int64_t bytes);

}  // namespace ebb
