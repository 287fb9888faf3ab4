#include "lab/training/share_state.h"

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "framework/io/safetensors.h"

namespace ebb {

void share_state(Trainer& trainer, parallel::Communicator& ranks, int from) {
  if (ranks.size() == 1) return;
  std::string bytes;
  if (ranks.rank() == from) {
    const TrainState state = trainer.save_state();
    const std::vector<std::byte> file = serialize_safetensors(state.tensors, state.metadata);
    bytes.assign(reinterpret_cast<const char*>(file.data()), file.size());
  }
  bytes = ranks.gather_texts(bytes)[static_cast<std::size_t>(from)];
  if (ranks.rank() == from) return;
  TensorFile file = parse_safetensors(std::as_bytes(std::span(bytes)), "the state of another rank");
  trainer.load_state({std::move(file.tensors), std::move(file.metadata)}, {.other_averages = true});
}

}  // namespace ebb
