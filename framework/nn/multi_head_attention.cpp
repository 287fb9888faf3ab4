#include "framework/nn/multi_head_attention.h"

#include <cmath>

#include "framework/nn/check.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/loss.h"
#include "framework/ops/matmul.h"
#include "framework/ops/shape.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

const MultiHeadAttentionOptions& checked(const MultiHeadAttentionOptions& options) {
  require_at_least("MultiHeadAttention", "size", options.size, 1);
  require_at_least("MultiHeadAttention", "heads", options.heads, 1);
  require_between("MultiHeadAttention", "dropout", options.dropout, 0, 1);
  if (options.size % options.heads != 0)
    fail("MultiHeadAttention", text("size = ", options.size, ", heads = ", options.heads), "heads that divide size");
  return options;
}

}  // namespace

MultiHeadAttention::MultiHeadAttention(const MultiHeadAttentionOptions& options, const Rng& rng)
    : qkv(*this, "qkv",
          {.in = checked(options).size, .out = 3 * options.size, .bias = options.bias, .init = options.init}, rng),
      proj(*this, "proj", {.in = options.size, .out = options.size, .bias = options.bias, .init = options.init}, rng),
      heads_(options.heads) {
  if (options.dropout > 0) dropout_.emplace(*this, "dropout", DropoutOptions{.p = options.dropout}, rng);
}

Var MultiHeadAttention::forward(const Var& x) {
  const std::int64_t size = proj->weight.shape()[0], d = size / heads_;
  if (x.rank() != 3 || x.dim(-1) != size)
    fail("MultiHeadAttention", text("an input of shape ", x.shape()), text("[batch, tokens, ", size, ']'));
  const std::int64_t tokens = x.dim(1);
  const Var mapped = transpose(reshape(qkv(x), {x.dim(0), tokens, 3, heads_, d}), {0, 2, 3, 1, 4});
  // [n, heads, tokens, d]
  const auto part = [&](std::int64_t i) { return reshape(slice(mapped, 1, i, i + 1), {x.dim(0), heads_, tokens, d}); };
  const Var scores = matmul(part(0) * (1 / std::sqrt(static_cast<double>(d))), transpose(part(1)));
  Var weights = softmax(scores);
  if (dropout_) weights = (*dropout_)(weights);
  const Var seen = transpose(matmul(weights, part(2)), {0, 2, 1, 3});
  return proj(reshape(seen, {x.dim(0), tokens, size}));
}

std::string MultiHeadAttention::describe() const {
  return text(proj->weight.shape()[0], ", ", heads_, heads_ == 1 ? " head" : " heads");
}

std::int64_t MultiHeadAttention::multiply_adds(const Shape& /*x*/, const Shape& y) const { return 2 * y.size() * y[1]; }

}  // namespace ebb
