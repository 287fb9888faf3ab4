#include "framework/nn/embedding.h"

#include "framework/nn/check.h"
#include "framework/ops/embedding.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

const EmbeddingOptions& checked(const EmbeddingOptions& options) {
  require_at_least("Embedding", "rows", options.rows, 1);
  require_at_least("Embedding", "width", options.width, 1);
  return options;
}

}  // namespace

Embedding::Embedding(const EmbeddingOptions& options, const Rng& rng)
    : weight(*this, "weight", Role::embedding,
             initial({checked(options).rows, options.width}, options.init, init::normal(),
                     {.in = options.rows, .out = options.width}, rng.at("weight"))) {}

Var Embedding::forward(const Var& indices) { return embedding(weight, indices.value()); }

std::string Embedding::describe() const { return text(weight.shape()[0], " x ", weight.shape()[1]); }

}  // namespace ebb
