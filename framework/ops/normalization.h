/// \file
/// Batch, layer and group normalisation. The last axis holds the channels.
#pragma once

#include <span>

#include "framework/autograd/tape.h"
#include "framework/ops/activation.h"

namespace ebb {

/// Joins what the parts of a batch have where each is normalised in a call of its own, by the statistics of all.
/// Each call waits for those of the other parts.
class PartExchange {
 public:
  virtual ~PartExchange() = default;
  /// Replaces the moments of a part, as framework/compute/moments.h has them, by those of the batch.
  virtual void merge_moments(std::span<double> moments) = 0;
  /// Replaces the numbers of a part by their sums over the parts.
  virtual void sum(std::span<double> numbers) = 0;
};

/// How batch_norm() computes.
struct BatchNormOptions {
  bool training = true;  ///< Normalise with the batch's statistics and update the running ones; else use the latter.
  double eps = 1e-5;     ///< Added to the variance, >= 0.
  double new_weight =
      0.1;  ///< Weight of the new statistics in the running ones (PyTorch's momentum, Keras's 1 - momentum).
  Activation activation = Activation::none;  ///< Applied to the result in the same pass.
  bool update_running = true;                ///< In training; off: leave the running statistics to update_running().
  PartExchange* exchange = nullptr;          ///< In training: x is a part of a batch. It outlives the backward pass.
};

/// Running statistics of a batch norm, f32 or f64 of `[channels]`, and what the last batch had.
struct BatchNormState {
  Tensor running_mean;      ///< Updated in place in training.
  Tensor running_variance;  ///< Of the unbiased variance. Updated in place in training.
  Tensor batch_mean;        ///< Out: mean of the last training batch, `[channels]`.
  Tensor batch_variance;    ///< Out: biased variance of the last training batch, `[channels]`.
  Tensor moments = {};      ///< Out: count, mean and M2 of the last training batch, f64 `[3, channels]`.
};

/// scale (x - mean) / sqrt(variance + eps) + shift for each channel: x `[..., channels]`, statistics over all other
/// axes. Normalises with the biased variance and keeps the unbiased one. With eps = 0 the inverse deviation of a
/// constant channel is 0. Uses x.channel_stats() where the op before computed them.
/// \param scale, shift `[channels]`, or both undefined (1 and 0).
/// \throws Error when shapes do not match, or in training when a channel of the batch has fewer than two values.
/// Source: Ioffe, Szegedy 2015. Variances by the pairwise formula of Chan, Golub, LeVeque 1983, never negative.
Var batch_norm(const Var& x, const Var& scale, const Var& shift, BatchNormState& state,
               const BatchNormOptions& options = {});

/// Takes the moments of a batch, f64 `[3, channels]`, into the running statistics, as batch_norm() does in training,
/// and into batch_mean and batch_variance. \throws Error unless each channel has two values or more.
void update_running(BatchNormState& state, const Tensor& moments, double new_weight);

/// Normalises each vector of the last axis: x `[..., n]`, scale and shift `[n]` or undefined. Biased variance;
/// with eps = 0 the inverse deviation of a constant row is 0.
/// \throws Error when shapes do not match.
/// Source: Ba, Kiros, Hinton 2016.
Var layer_norm(const Var& x, const Var& scale, const Var& shift, double eps = 1e-5);

/// Normalises groups of channels of each image: x `[n, ..., c]`, statistics over the inner axes and the c / groups
/// channels of a group; scale and shift `[c]` or undefined. Biased variance;
/// with eps = 0 the inverse deviation of a constant group is 0. Source: Wu, He 2018.
/// \throws Error when shapes do not match or groups does not divide c.
Var group_norm(const Var& x, const Var& scale, const Var& shift, std::int64_t groups, double eps = 1e-5);

}  // namespace ebb
