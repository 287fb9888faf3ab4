/// \file
/// import_torch(): the numbers of a PyTorch model into one of ours.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "framework/nn/module.h"

namespace ebb {

/// Options of import_torch().
struct ImportTorchOptions {
  /// Beginnings of names in the file, and what stands for them in the model; the first that fits is replaced:
  /// `{{"encoder.", ""}, {"c1.", "conv1."}}`.
  std::vector<std::pair<std::string, std::string>> rename = {};
  Strict strict = Strict::yes;  ///< Strict::no takes what fits and reports the rest.
};

/// Takes over a state dict that PyTorch saved as safetensors (`safetensors.torch.save_file(model.state_dict(), ...)`).
/// Convolution weights `[out, in, kh, kw]`, transposed ones `[in, out, kh, kw]` and linear ones `[out, in]` are
/// transposed to our layouts; norms' weight and bias become scale and shift, running_var running_variance, and
/// num_batches_tracked, which may be missing, batches. PyTorch flattens images as c, h, w: the rows of the first Linear
/// declared behind a Flatten, and norms between the two, are permuted to h, w, c. Numbers are converted to the dtype of
/// the model. Layers of your own are taken as they are, name by name.
///
/// Parts `module` (DistributedDataParallel) and `_orig_mod` (torch.compile) of names are dropped where the model has no
/// such modules: `module._orig_mod.conv1.weight` is `conv1.weight`.
/// \returns the report, by the names of the file after renaming.
/// \throws Error listing all missing, extra and misshaped names together (strict), or when a Flatten has not seen an
///     input yet and was not told its image; the model is then unchanged.
LoadReport import_torch(Module& model, const std::filesystem::path& file, const ImportTorchOptions& options = {});

/// As above from tensors in memory. \param where the name for messages.
LoadReport import_torch(Module& model, const State& state, std::string_view where,
                        const ImportTorchOptions& options = {});

}  // namespace ebb
