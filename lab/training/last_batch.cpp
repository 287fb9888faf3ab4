#include "lab/training/last_batch.h"

#include "framework/nn/eval_mode.h"
#include "framework/tensor/error.h"
#include "framework/tensor/memory_limits.h"
#include "lab/training/guard.h"

namespace ebb {
namespace {

bool ends_with_one(const Loader& loader) {
  return loader.options().batch > 1 && loader.samples() % loader.options().batch == 1;
}

void try_one(Layer& model, const Loader& loader, const char* whose, const char* remedy) {
  if (!ends_with_one(loader)) return;
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
  if (!refusal.empty())
    fail("batch", text("a last batch of one sample of ", whose, ", which the model does not take: ", refusal),
         "a last batch that it takes",
         text(remedy, " or another batch than ", loader.options().batch, " for ", loader.samples(), " samples"));
}

}  // namespace

void require_last_batches(Layer& model, const Loader& train, const Loader& evaluated) {
  try_one(model, train, "the training data", "drop_last leaves it out;");
  const EvalMode mode(model);
  try_one(model, evaluated, "the evaluation's data", "");
}

}  // namespace ebb
