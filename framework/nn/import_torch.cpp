#include "framework/nn/import_torch.h"

#include <algorithm>
#include <set>

#include "framework/autograd/tape.h"
#include "framework/compute/basic.h"
#include "framework/io/safetensors.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/conv_transpose2d.h"
#include "framework/nn/dropout.h"
#include "framework/nn/flatten.h"
#include "framework/nn/layer_norm.h"
#include "framework/nn/linear.h"
#include "framework/nn/load_report.h"
#include "framework/nn/torch_names.h"
#include "framework/ops/shape.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

// How PyTorch stores a tensor of ours.
enum class TorchLayout : std::uint8_t { same, linear, convolution, transposed_convolution };

template <class T>
bool is(const Module* module) {
  return dynamic_cast<const T*>(module) != nullptr;
}

TorchLayout layout_of(const Module* module, const Parameter& parameter) {
  if (parameter.role() != Role::weight) return TorchLayout::same;
  if (is<Linear>(module)) return TorchLayout::linear;
  if (is<Conv2d>(module)) return TorchLayout::convolution;
  if (is<ConvTranspose2d>(module)) return TorchLayout::transposed_convolution;
  return TorchLayout::same;
}

// A tensor of the model, and where and how it stands in the file.
struct Place {
  Tensor* tensor = nullptr;
  std::vector<std::string> names = {};
  TorchLayout layout = TorchLayout::same;
  Shape image = {};  // [h, w, c] when the first axis numbers the elements of flattened images
  bool may_be_missing = false;

  Shape torch_shape() const {
    const Shape& s = tensor->shape();
    switch (layout) {
      case TorchLayout::linear: return {s[1], s[0]};
      case TorchLayout::convolution: return {s[3], s[2], s[0], s[1]};
      case TorchLayout::transposed_convolution: return {s[2], s[3], s[0], s[1]};
      case TorchLayout::same: break;
    }
    return s;
  }

  // The file's numbers in our layout and dtype.
  Tensor convert(const Tensor& stored) const {
    const Var x(cast(stored, tensor->dtype()));
    const std::int64_t h = image.rank() == 0 ? 1 : image[0];
    const std::int64_t w = image.rank() == 0 ? 1 : image[1];
    switch (layout) {
      case TorchLayout::linear:
        return transpose(reshape(x, {x.dim(0), -1, h, w}), {2, 3, 1, 0}).value().reshape(tensor->shape());
      case TorchLayout::convolution: return transpose(x, {2, 3, 1, 0}).value();
      case TorchLayout::transposed_convolution: return transpose(x, {2, 3, 0, 1}).value();
      case TorchLayout::same: break;
    }
    if (image.rank() == 0) return x.value();
    return transpose(reshape(x, {-1, h, w}), {1, 2, 0}).value().reshape(tensor->shape());
  }
};

// The width of a norm over the last axis; 0 for other modules.
std::int64_t width_of_norm(Module* module) {
  if (!is<BatchNorm1d>(module) && !is<LayerNorm>(module)) return 0;
  const std::vector<Parameter*> parameters = module->parameters();
  if (!parameters.empty()) return parameters.front()->value().size();
  const std::vector<NamedBuffer> buffers = module->named_buffers();
  return buffers.empty() ? 0 : buffers.front().buffer->value().size();
}

// Modules whose inputs are flattened images, and the shape of those: what is declared behind a Flatten, up to the first
// Linear.
std::map<const Module*, Shape> flattened_inputs(Module& model, std::string_view where) {
  std::map<const Module*, Shape> inputs;
  const Flatten* flatten = nullptr;
  std::string flatten_path;
  for (const NamedModule& m : model.named_modules()) {
    if (const auto* const found = dynamic_cast<const Flatten*>(m.module)) {
      flatten = found;
      flatten_path = m.path;
      continue;
    }
    if (is<Conv2d>(m.module) || is<ConvTranspose2d>(m.module)) flatten = nullptr;
    const auto* const linear = dynamic_cast<const Linear*>(m.module);
    const std::int64_t width = linear != nullptr ? linear->weight.shape()[0] : width_of_norm(m.module);
    if (flatten == nullptr || width == 0) continue;
    const Shape& image = flatten->image();
    if (image.rank() == 0)
      fail(where, text("the Flatten \"", flatten_path, "\" that has not seen an image"),
           text("the order of the inputs of \"", m.path, '"'),
           "call the model once before, or give Flatten its image: {.image = {h, w, c}}");
    if (image.size() != width)
      fail(where, text('"', m.path, "\" with ", width, " inputs behind \"", flatten_path, "\" that saw ", image),
           text(image.size(), " inputs"), "declare the layers in the order in which they are called");
    if (image.rank() == 3) inputs.emplace(m.module, image);
    if (linear != nullptr) flatten = nullptr;
  }
  return inputs;
}

std::vector<Place> places_of(Module& model, std::string_view where) {
  const std::map<const Module*, Shape> flattened = flattened_inputs(model, where);
  const auto image_of = [&](const Module* module) {
    const auto found = flattened.find(module);
    return found == flattened.end() ? Shape() : found->second;
  };
  std::vector<Place> places;
  std::map<const Parameter*, std::size_t> place_of;
  for (const NamedParameter& p : model.named_parameters(Tied::every_path)) {
    const auto at = place_of.emplace(p.parameter, places.size());
    if (at.second) {
      // The bias of a Linear belongs to its outputs.
      const bool inputs = !is<Linear>(p.module) || p.parameter->role() == Role::weight;
      places.push_back({.tensor = &p.parameter->value(),
                        .layout = layout_of(p.module, *p.parameter),
                        .image = inputs ? image_of(p.module) : Shape()});
    }
    places[at.first->second].names.push_back(detail::torch_name(p.module, p.path));
  }
  for (const NamedBuffer& b : model.named_buffers()) {
    if (is<Dropout>(b.module)) continue;
    const bool counter = is<BatchNorm>(b.module) && b.buffer->name() == "batches";
    places.push_back({.tensor = &b.buffer->value(),
                      .names = {detail::torch_name(b.module, b.path)},
                      .image = counter ? Shape() : image_of(b.module),
                      .may_be_missing = counter});
  }
  return places;
}

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

std::ptrdiff_t missing(const std::vector<Place>& places, const State& state) {
  return std::ranges::count_if(places, [&](const Place& place) {
    return !place.may_be_missing &&
           std::ranges::none_of(place.names, [&](const std::string& name) { return state.contains(name); });
  });
}

// The state under the names that fit the model best: as they are, or unwrapped as often as they have to be. A model
// whose own modules have such names thus keeps them.
State fitting(State state, const std::vector<Place>& places) {
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
  const std::vector<Place> places = places_of(model, where);
  const State stored = fitting(renamed(state, where, options), places);
  LoadReport report;
  std::set<std::string> known;
  std::vector<std::pair<Tensor*, Tensor>> copies;
  for (const Place& place : places) {
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
      copies.emplace_back(place.tensor, place.convert(from));
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
