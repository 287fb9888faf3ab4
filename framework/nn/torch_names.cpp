#include "framework/nn/torch_names.h"

#include <map>

#include "framework/nn/batch_norm.h"
#include "framework/nn/group_norm.h"
#include "framework/nn/layer_norm.h"

namespace ebb::detail {
namespace {

bool is_norm(const Module* module) {
  return dynamic_cast<const BatchNorm*>(module) != nullptr || dynamic_cast<const LayerNorm*>(module) != nullptr ||
         dynamic_cast<const GroupNorm*>(module) != nullptr;
}

}  // namespace

std::string torch_name(const Module* module, const std::string& path) {
  if (!is_norm(module)) return path;
  static const std::map<std::string, std::string> names{
      {"scale", "weight"}, {"shift", "bias"}, {"running_variance", "running_var"}, {"batches", "num_batches_tracked"}};
  const std::size_t dot = path.rfind('.');
  const std::size_t begin = dot == std::string::npos ? 0 : dot + 1;
  const auto name = names.find(path.substr(begin));
  return name == names.end() ? path : path.substr(0, begin) + name->second;
}

}  // namespace ebb::detail
