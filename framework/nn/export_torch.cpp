#include "framework/nn/export_torch.h"

#include "framework/autograd/tape.h"
#include "framework/io/safetensors.h"
#include "framework/nn/torch_places.h"

namespace ebb {

State torch_state(Module& model) {
  const Tape::Pause pause;
  State out;
  for (const detail::TorchPlace& place : detail::torch_places(model, "export_torch"))
    for (const std::string& name : place.names) out.emplace(name, place.to_torch());
  return out;
}

void save_torch(const std::filesystem::path& file, const State& state,
                const std::map<std::string, std::string>& metadata, Existing existing) {
  std::map<std::string, std::string> all{{"format", "pt"}};
  all.insert(metadata.begin(), metadata.end());
  save_safetensors(file, state, all, existing);
}

void export_torch(Module& model, const std::filesystem::path& file, const std::map<std::string, std::string>& metadata,
                  Existing existing) {
  save_torch(file, torch_state(model), metadata, existing);
}

}  // namespace ebb
