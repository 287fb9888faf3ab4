#include "framework/nn/import_torch.h"

#include <algorithm>
#include <set>

#include "framework/autograd/tape.h"
#include "framework/compute/basic.h"
#include "framework/io/safetensors.h"
#include "framework/nn/load_report.h"
#include "framework/nn/torch_places.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

using detail::TorchPlace;

State renamed(const State& state, std::string_view where, const ImportTorchOptions& options) {
  State result;
  for (const auto& entry : state) {
    std::string name = entry.first;
    for (const auto& rule : options.rename) {
      if (!name.starts_with(rule.first)) continue;
      name = rule.second + name.substr(rule.first.size());
      break;
    }
    if (!result.emplace(name, entry.second).second)
      fail(where, text("two tensors renamed to \"", name, '"'), "a name of its own for each", "correct the renaming");
  }
  return result;
}

// The name without the first of its parts that only says how PyTorch ran the module: DistributedDataParallel and
// DataParallel keep it as `module`, torch.compile as `_orig_mod`. The same name where there is none.
std::string unwrapped(const std::string& name) {
  for (std::size_t begin = 0, dot = name.find('.'); dot != std::string::npos;
       begin = dot + 1, dot = name.find('.', begin)) {
    const std::string part = name.substr(begin, dot - begin);
    if (part == "module" || part == "_orig_mod") return name.substr(0, begin) + name.substr(dot + 1);
  }
  return name;
}

// All names unwrapped once; empty when that changes none, or makes one of two.
State unwrapped(const State& state) {
  State result;
  bool changed = false;
  for (const auto& entry : state) {
    const std::string name = unwrapped(entry.first);
    changed = changed || name != entry.first;
    if (!result.emplace(name, entry.second).second) return {};
  }
  return changed ? result : State();
}

std::ptrdiff_t missing(const std::vector<TorchPlace>& places, const State& state) {
  return std::ranges::count_if(places, [&](const TorchPlace& place) {
    return !place.may_be_missing &&
           std::ranges::none_of(place.names, [&](const std::string& name) { return state.contains(name); });
  });
}

// The state under the names that fit the model best: as they are, or unwrapped as often as they have to be. A model
// whose own modules have such names thus keeps them.
State fitting(State state, const std::vector<TorchPlace>& places) {
  constexpr int deepest = 8;
  State best = state;
  std::ptrdiff_t least = missing(places, best);
  for (int depth = 0; depth < deepest && least > 0; ++depth) {
    state = unwrapped(state);
    if (state.empty()) break;
    const std::ptrdiff_t now = missing(places, state);
    if (now >= least) continue;
    best = state;
    least = now;
  }
  return best;
}

}  // namespace

LoadReport import_torch(Module& model, const State& state, std::string_view where, const ImportTorchOptions& options) {
  const Tape::Pause pause;
  const std::vector<TorchPlace> places = detail::torch_places(model, where);
  const State stored = fitting(renamed(state, where, options), places);
  LoadReport report;
  std::set<std::string> known;
  std::vector<std::pair<Tensor*, Tensor>> copies;
  for (const TorchPlace& place : places) {
    known.insert(place.names.begin(), place.names.end());
    const auto name = std::ranges::find_if(place.names, [&](const std::string& n) { return stored.contains(n); });
    if (name == place.names.end()) {
      if (!place.may_be_missing) report.missing.push_back(place.names.front());
      continue;
    }
    const Tensor& from = stored.at(*name);
    if (!from.defined() || !(from.shape() == place.torch_shape()) ||
        is_float(from.dtype()) != is_float(place.tensor->dtype())) {
      report.misshaped.push_back(detail::mismatch(*name, from, place.torch_shape(), place.tensor->dtype()));
    } else {
      report.loaded.push_back(*name);
      copies.emplace_back(place.tensor, place.from_torch(from));
    }
  }
  for (const auto& entry : stored)
    if (!known.contains(entry.first)) report.extra.push_back(entry.first);
  if (options.strict == Strict::yes && !report.exact())
    detail::fail_load(
        where, report,
        "shapes are PyTorch's; rename with ImportTorchOptions::rename, or take what fits with Strict::no");
  for (auto& copy : copies) copy_into(*copy.first, copy.second);
  return report;
}

LoadReport import_torch(Module& model, const std::filesystem::path& file, const ImportTorchOptions& options) {
  return import_torch(model, load_safetensors(file).tensors, file.string(), options);
}

}  // namespace ebb
