#include "framework/nn/dropout.h"

#include "framework/nn/check.h"
#include "framework/nn/shard_pass.h"
#include "framework/ops/dropout.h"
#include "framework/tensor/error.h"

namespace ebb {

Dropout::Dropout(const DropoutOptions& options, const Rng& rng)
    : calls(*this, "calls", Tensor::zeros({}, DType::i64)), p_(options.p), rng_(rng) {
  require_between("Dropout", "p", options.p, 0.0, 1.0);
}

Var Dropout::forward(const Var& x) {
  if (!training() || p_ == 0.0) return x;
  std::int64_t& call = *calls.value().mutable_data<std::int64_t>();
  const ShardPass* const shard = ShardPass::current();
  return dropout(x, p_, rng_.at(static_cast<std::uint64_t>(call++)),
                 shard == nullptr ? 0 : shard->first_element(x.shape()));
}

std::string Dropout::describe() const { return text("p ", p_); }

}  // namespace ebb
