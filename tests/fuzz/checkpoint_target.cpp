// Checkpoints: a trainer takes one over exactly, or refuses it and stays as it was. Only an Error refuses: any other
// exception is a finding.
#include <algorithm>

#include "data/loader.h"
#include "framework/nn/linear.h"
#include "framework/nn/sequential.h"
#include "framework/tensor/error.h"
#include "lab/training/trainer.h"
#include "optim/adam.h"
#include "tests/fuzz/tensor_file.h"

namespace ebb::fuzz {
namespace {

// A linear map of two numbers, trained for two of its three epochs.
struct Small {
  Small()
      : batches(TensorDataset(Tensor::full({6, 2}, 0.5), Tensor::zeros({6}, DType::i64), 2),
                {.batch = 3, .prefetch = 0}),
        judged(TensorDataset(Tensor::full({2, 2}, 0.5), Tensor::zeros({2}, DType::i64), 2),
               {.batch = 2, .shuffle = false, .prefetch = 0}),
        model(Rng(1)),
        optimizer(built(model), {.lr = 0.01}),
        trainer(model, optimizer, batches, judged, {.epochs = 3, .ema = EmaOptions{.keep = 0.5}, .keep_best = true}) {
    for (int i = 0; i < 5; ++i) trainer.step();
  }
  static Sequential& built(Sequential& net) {
    net.add<Linear>("fc", {.in = 2, .out = 2});
    return net;
  }

  Loader batches, judged;
  Sequential model;
  Adam optimizer;
  Trainer trainer;
};

Small& small() {
  static Small one;
  return one;
}

TensorFile state_of(const Trainer& trainer) {
  TrainState state = trainer.save_state();
  return {.tensors = std::move(state.tensors), .metadata = std::move(state.metadata)};
}

// Why it is refused; empty when it is taken over.
std::string refusal(Trainer& trainer, const TensorFile& state) {
  try {
    trainer.load_state({state.tensors, state.metadata});
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

Verdict run(const Bytes& input) {
  Trainer& trainer = small().trainer;
  static const TensorFile start = state_of(trainer);
  return attempt([&] {
    const TensorFile file = parse_safetensors(input, "input");
    try {
      trainer.load_state({file.tensors, file.metadata});
    } catch (const std::exception&) {
      require(same(state_of(trainer), start), "a trainer that refuses a state stays as it was");
      throw;
    }
    const TensorFile taken = state_of(trainer);
    require(trainer.epoch() >= 0 && trainer.batches_done() >= 0, "counters count");
    const std::string refused = refusal(trainer, taken);
    require(refused.empty(), "what was taken over can be saved and loaded: " + refused);
    require(same(state_of(trainer), taken), "what was taken over is saved and loaded");
    try {
      if (!trainer.done()) trainer.step();
    } catch (const Error&) {  // numbers that no training can go on with
    }
    require(refusal(trainer, start).empty() && same(state_of(trainer), start), "a trainer takes its own state back");
  });
}

std::vector<Bytes> seeds() {
  const TensorFile whole = state_of(small().trainer);
  return {serialize_safetensors(whole.tensors, whole.metadata)};
}

}  // namespace

const Target checkpoint{"checkpoint", run, seeds, mutate_contents};

}  // namespace ebb::fuzz
