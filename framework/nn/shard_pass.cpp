#include "framework/nn/shard_pass.h"

#include "framework/tensor/error.h"

namespace ebb {
namespace {

thread_local ShardPass* current_pass = nullptr;

}  // namespace

ShardPass::ShardPass(std::int64_t first, std::int64_t samples, std::int64_t batch, bool together)
    : first_(first),
      samples_(samples),
      batch_(batch),
      together_(together),
      before_(std::exchange(current_pass, this)) {}

ShardPass::~ShardPass() { current_pass = before_; }

ShardPass* ShardPass::current() { return current_pass; }

std::int64_t ShardPass::first_element(const Shape& shape) const {
  if (shape.rank() == 0 || samples_ == 0 || shape[0] % samples_ != 0) return 0;
  return first_ * (shape.size() / samples_);
}

void sum_over_batch(std::span<double> numbers) {
  ShardPass* const pass = ShardPass::current();
  if (pass == nullptr) return;
  if (!pass->together())
    fail("sum_over_batch", "a shard that is computed by itself", "shards of a batch that go along together",
         "set batch_norm_over = batch, or shards = 1");
  pass->sum(numbers);
}

}  // namespace ebb
