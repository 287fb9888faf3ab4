#include "lab/training/last_batch.h"

#include <algorithm>

#include "framework/nn/eval_mode.h"
#include "framework/tensor/error.h"
#include "framework/tensor/memory_limits.h"
#include "lab/training/guard.h"

namespace ebb {
namespace {

bool ends_with_one(const Loader& loader) {
  return loader.options().batch > 1 && loader.samples() % loader.options().batch == 1;
}

// The smallest shard of so many samples that has any is of floor(samples / shards), or of one.
bool cut_into_ones(std::int64_t samples, int shards) { return samples > 0 && samples / shards <= 1; }

// Why the model does not take one sample; nothing where it does.
std::string refusal_of_one(Layer& model, const Loader& loader) {
  BufferSnapshot buffers(model);
  buffers.take();
  const Tape::Pause pause;
  std::string refusal;
  try {
    model(Tensor::zeros(loader.dataset().sample_shape().insert(0, 1)));
  } catch (const Error& error) {
    if (out_of_memory(error)) throw;
    refusal = error.what();
  }
  buffers.restore();
  return refusal;
}

void try_one(Layer& model, const Loader& loader, const char* whose, const char* remedy) {
  if (!ends_with_one(loader)) return;
  if (const std::string refusal = refusal_of_one(model, loader); !refusal.empty())
    fail("batch", text("a last batch of one sample of ", whose, ", which the model does not take: ", refusal),
         "a last batch that it takes",
         text(remedy, " or another batch than ", loader.options().batch, " for ", loader.samples(), " samples"));
}

void try_shards(Layer& model, const Loader& train, int shards) {
  const std::int64_t batch = std::min(train.options().batch, train.samples()), last = train.samples() % batch;
  const bool of_last = !cut_into_ones(batch, shards);
  if (of_last && !cut_into_ones(last, shards)) return;
  if (const std::string refusal = refusal_of_one(model, train); !refusal.empty())
    fail("shards",
         text("a shard of one sample, of ", of_last ? last : batch, " in ", shards,
              " shards, which the model does not take: ", refusal),
         "shards that it takes",
         of_last ? "drop_last leaves the last batch out; or batch_norm_over = batch, or fewer shards"
                 : "batch_norm_over = batch, fewer shards or a larger batch");
}

}  // namespace

void require_last_batches(Layer& model, const Loader& train, const Loader& evaluated, int shards) {
  try_one(model, train, "the training data", "drop_last leaves it out;");
  if (shards > 1) try_shards(model, train, shards);
  const EvalMode mode(model);
  try_one(model, evaluated, "the evaluation's data", "");
}

}  // namespace ebb
