/// \file
/// BatchNorm1d and BatchNorm2d: normalisation of each channel by the statistics of the batch.
#pragma once

#include "framework/nn/layer.h"
#include "framework/ops/normalization.h"

namespace ebb {

/// Options of BatchNorm1d and BatchNorm2d.
struct BatchNormLayerOptions {
  std::int64_t channels = 0;  ///< Length of the last axis, >= 1.
  double eps = 1e-5;          ///< Added to the variance, >= 0.
  double new_weight = 0.1;    ///< Weight of a new batch in the running statistics, in [0, 1] (PyTorch's momentum).
  bool cumulative = false;    ///< Running statistics are the mean over all batches instead: new_weight = 1 / batches.
  bool affine = true;         ///< Whether there are scale and shift.
  bool track = true;          ///< Whether there are running statistics; without, eval() uses the batch's as well.
  Activation activation = Activation::none;  ///< Applied in the same pass.
};

/// What both batch norms share. In training it normalises with the biased variance of the batch and mixes the mean
/// and the unbiased variance into the running ones; in eval mode it normalises with those. In a shard of a batch
/// (ShardPass) it normalises with the variance of the shard, or of all shards where they go along together, and leaves
/// the running ones to take_batch().
class BatchNorm : public Layer {
 public:
  /// For Child and Sequential.
  using Options = BatchNormLayerOptions;

  Var forward(const Var& x) override;

  /// As forward(), with this activation in place of the option's.
  Var forward(const Var& x, Activation activation);

  std::string describe() const override;

  /// True when the next call normalises with the statistics of its batch.
  bool uses_batch() const { return training() || !options_.track; }

  /// Ends a batch that was computed in shards (ShardPass): takes its moments, f64 `[3, channels]`, as a call in
  /// training takes those of its own batch.
  void take_batch(const Tensor& moments);

  /// The options.
  const BatchNormLayerOptions& options() const { return options_; }

  /// Changes options().cumulative from the next batch on.
  void set_cumulative(bool on) { options_.cumulative = on; }

  /// Forgets the running statistics: mean 0, variance 1, no batches.
  void reset_running();

  /// Mean of the last batch that was used, `[channels]`; undefined before.
  const Tensor& batch_mean() const { return batch_mean_; }

  /// Biased variance of the last batch that was used, `[channels]`; undefined before.
  const Tensor& batch_variance() const { return batch_variance_; }

  std::optional<Parameter> scale;          ///< `[channels]`, ones at first.
  std::optional<Parameter> shift;          ///< `[channels]`, zeros at first.
  std::optional<Buffer> running_mean;      ///< `[channels]`, zeros at first.
  std::optional<Buffer> running_variance;  ///< `[channels]`, ones at first.
  std::optional<Buffer> batches;           ///< Scalar i64: batches mixed in so far.

 protected:
  /// For inputs of rank `least_rank` to `greatest_rank`. \throws Error when an option is out of range.
  BatchNorm(const BatchNormLayerOptions& options, int least_rank, int greatest_rank);

 private:
  double next_weight() const;

  BatchNormLayerOptions options_;
  int least_rank_;
  int greatest_rank_;
  Tensor batch_mean_;
  Tensor batch_variance_;
};

/// For `[n, c]` or `[n, length, c]`.
class BatchNorm1d : public BatchNorm {
 public:
  /// \throws Error when an option is out of range.
  explicit BatchNorm1d(const BatchNormLayerOptions& options) : BatchNorm(options, 2, 3) {}
};

/// For `[n, h, w, c]`.
class BatchNorm2d : public BatchNorm {
 public:
  /// \throws Error when an option is out of range.
  explicit BatchNorm2d(const BatchNormLayerOptions& options) : BatchNorm(options, 4, 4) {}
};

}  // namespace ebb
