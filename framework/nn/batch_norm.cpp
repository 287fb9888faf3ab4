#include "framework/nn/batch_norm.h"

#include <limits>

#include "framework/compute/basic.h"
#include "framework/nn/check.h"
#include "framework/nn/shard_pass.h"
#include "framework/tensor/error.h"

namespace ebb {

BatchNorm::BatchNorm(const BatchNormLayerOptions& options, int least_rank, int greatest_rank)
    : options_(options), least_rank_(least_rank), greatest_rank_(greatest_rank) {
  require_at_least("BatchNorm", "channels", options.channels, 1);
  require_between("BatchNorm", "eps", options.eps, 0.0, std::numeric_limits<double>::max());
  require_between("BatchNorm", "new_weight", options.new_weight, 0.0, 1.0);
  const Shape shape{options.channels};
  if (options.affine) {
    scale.emplace(*this, "scale", Role::norm_scale, Tensor::full(shape, 1.0));
    shift.emplace(*this, "shift", Role::norm_shift, Tensor::zeros(shape));
  }
  if (options.track) {
    running_mean.emplace(*this, "running_mean", Tensor::zeros(shape));
    running_variance.emplace(*this, "running_variance", Tensor::full(shape, 1.0));
    batches.emplace(*this, "batches", Tensor::zeros({}, DType::i64));
  }
}

Var BatchNorm::forward(const Var& x) { return forward(x, options_.activation); }

Var BatchNorm::forward(const Var& x, Activation activation) {
  if (x.rank() < least_rank_ || x.rank() > greatest_rank_)
    fail(type(), text("an input of shape ", x.shape()),
         greatest_rank_ == 4 ? "[batch, height, width, channels]" : "[batch, channels] or [batch, length, channels]");
  BatchNormOptions how{
      .training = uses_batch(), .eps = options_.eps, .new_weight = options_.new_weight, .activation = activation};
  const bool mixes = options_.track && training();
  ShardPass* const shard = how.training ? ShardPass::current() : nullptr;
  if (shard != nullptr && shard->together()) how.exchange = shard;
  how.update_running = shard == nullptr;
  BatchNormState state;
  if (options_.track) {
    state.running_mean = running_mean->value();
    state.running_variance = running_variance->value();
  } else {  // the op mixes into these, and they are dropped
    state.running_mean = Tensor::zeros({options_.channels}, x.dtype());
    state.running_variance = Tensor::zeros({options_.channels}, x.dtype());
  }
  if (mixes && shard == nullptr) how.new_weight = next_weight();
  Var y = batch_norm(x, detail::optional_var(scale), detail::optional_var(shift), state, how);
  if (shard != nullptr) {
    shard->keep_moments(*this, state.moments);
    return y;
  }
  if (mixes) ++*batches->value().mutable_data<std::int64_t>();
  if (how.training) {
    batch_mean_ = std::move(state.batch_mean);
    batch_variance_ = std::move(state.batch_variance);
  }
  return y;
}

// Of the next batch in the running statistics.
double BatchNorm::next_weight() const {
  return options_.cumulative ? 1.0 / (batches->value().item() + 1.0) : options_.new_weight;
}

void BatchNorm::take_batch(const Tensor& moments) {
  const bool mixes = options_.track && training();
  const DType dtype = scale ? scale->value().dtype() : DType::f32;
  BatchNormState state;
  state.running_mean = mixes ? running_mean->value() : Tensor::zeros({options_.channels}, dtype);
  state.running_variance = mixes ? running_variance->value() : Tensor::zeros({options_.channels}, dtype);
  update_running(state, moments, mixes ? next_weight() : options_.new_weight);
  if (mixes) ++*batches->value().mutable_data<std::int64_t>();
  batch_mean_ = std::move(state.batch_mean);
  batch_variance_ = std::move(state.batch_variance);
}

void BatchNorm::reset_running() {
  if (!options_.track) return;
  fill(running_mean->value(), 0);
  fill(running_variance->value(), 1);
  fill(batches->value(), 0);
}

std::string BatchNorm::describe() const { return text(options_.channels); }

}  // namespace ebb
