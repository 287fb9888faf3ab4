// PyTorch's names for tensors of a model.
#pragma once

#include <string>

#include "framework/nn/module.h"

namespace ebb::detail {

// PyTorch's name of the tensor at `path` that `module` declared: a norm's scale is its weight.
std::string torch_name(const Module* module, const std::string& path);

}  // namespace ebb::detail
