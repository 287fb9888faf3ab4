/// \file
/// ShardPass: what layers know of the batch while a model computes one shard of it.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "framework/ops/normalization.h"

namespace ebb {

class BatchNorm;

/// A pass of one shard of a batch through a model, forward and backward, by the thread that made it. Layers ask
/// current() for what depends on the batch and not on the shard alone: masks of dropout on the place of a sample in the
/// batch, batch norm on the other shards. Trainer makes one for each shard (TrainerOptions::shards).
class ShardPass : public PartExchange {
 public:
  /// Of so many samples, from number `first` on, of a batch of `batch`.
  /// \param together whether statistics of a batch are those of all shards, whose passes then go along together.
  ShardPass(std::int64_t first, std::int64_t samples, std::int64_t batch, bool together);
  ~ShardPass() override;
  ShardPass(const ShardPass&) = delete;
  ShardPass& operator=(const ShardPass&) = delete;

  /// Of this thread; null where a batch is in one tensor.
  static ShardPass* current();

  std::int64_t first() const { return first_; }      ///< Place of its first sample in the batch.
  std::int64_t samples() const { return samples_; }  ///< Of the shard.
  std::int64_t batch() const { return batch_; }      ///< Samples of the batch.
  bool together() const { return together_; }        ///< Whether sum() and merge_moments() may be called.

  /// The number in the whole batch's array of the first element of a shard's array of that shape, whose first axis
  /// goes over samples, or over so many rows for each of them; 0 for arrays of another kind.
  std::int64_t first_element(const Shape& shape) const;

  /// What a norm's call found, f64 `[3, channels]`, for its running statistics after the step.
  void keep_moments(BatchNorm& norm, const Tensor& moments) { moments_.emplace_back(&norm, moments); }

  /// In the order of the calls.
  const std::vector<std::pair<BatchNorm*, Tensor>>& kept_moments() const { return moments_; }

 private:
  std::int64_t first_, samples_, batch_;
  bool together_;
  ShardPass* before_;
  std::vector<std::pair<BatchNorm*, Tensor>> moments_;
};

/// Adds up over the shards of the batch what each has computed of its own samples, in forward passes and backward rules
/// alike: `numbers` become the sums, with the same bits on any number of processes. Where the batch is in one tensor
/// they stay. Every shard makes the same calls in the same order. For layers whose results depend on the whole batch.
/// \throws Error where the shards of a batch are computed each by itself.
void sum_over_batch(std::span<double> numbers);

}  // namespace ebb
