/// \file
/// export_torch(): the numbers of one of our models for PyTorch.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "framework/io/atomic_file.h"
#include "framework/nn/module.h"

namespace ebb {

/// The model's numbers as PyTorch's state dict of the same network has them: the inverse of import_torch(), to the last
/// bit. Names, layouts and the order of flattened images are PyTorch's, a tied parameter stands under each of its
/// names, and numbers of batches are i64. The state of dropout's random numbers is left out, as PyTorch has none.
/// \throws Error when a Flatten in front of a Linear has not seen an image and was not told its shape.
State torch_state(Module& model);

/// Writes a state as safetensors of PyTorch's are: with the entry "format" of the metadata, which is "pt".
/// \throws Error as save_safetensors() does.
void save_torch(const std::filesystem::path& file, const State& state,
                const std::map<std::string, std::string>& metadata = {}, Existing existing = Existing::replace);

/// Writes torch_state() as safetensors: `model.load_state_dict(safetensors.torch.load_file("model.safetensors"))`.
/// \param metadata of the file, beside that.
/// \throws Error as torch_state() and save_torch() do.
void export_torch(Module& model, const std::filesystem::path& file,
                  const std::map<std::string, std::string>& metadata = {}, Existing existing = Existing::replace);

}  // namespace ebb
