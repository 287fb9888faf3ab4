#include "framework/nn/torch_places.h"

#include <map>

#include "framework/compute/basic.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/conv_transpose2d.h"
#include "framework/nn/dropout.h"
#include "framework/nn/flatten.h"
#include "framework/nn/layer_norm.h"
#include "framework/nn/linear.h"
#include "framework/nn/torch_names.h"
#include "framework/ops/shape.h"
#include "framework/tensor/error.h"

namespace ebb::detail {
namespace {

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

}  // namespace

Shape TorchPlace::torch_shape() const {
  const Shape& s = tensor->shape();
  switch (layout) {
    case TorchLayout::linear: return {s[1], s[0]};
    case TorchLayout::convolution: return {s[3], s[2], s[0], s[1]};
    case TorchLayout::transposed_convolution: return {s[2], s[3], s[0], s[1]};
    case TorchLayout::same: break;
  }
  return s;
}

Tensor TorchPlace::from_torch(const Tensor& stored) const {
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

Tensor TorchPlace::to_torch() const {
  const Var x(*tensor);
  const std::int64_t h = image.rank() == 0 ? 1 : image[0];
  const std::int64_t w = image.rank() == 0 ? 1 : image[1];
  switch (layout) {
    case TorchLayout::linear:
      return transpose(reshape(x, {h, w, -1, x.dim(1)}), {3, 2, 0, 1}).value().reshape(torch_shape());
    case TorchLayout::convolution: return transpose(x, {3, 2, 0, 1}).value();
    case TorchLayout::transposed_convolution: return transpose(x, {2, 3, 0, 1}).value();
    case TorchLayout::same: break;
  }
  if (image.rank() == 0) return tensor->clone();
  return transpose(reshape(x, {h, w, -1}), {2, 0, 1}).value().reshape(tensor->shape());
}

std::vector<TorchPlace> torch_places(Module& model, std::string_view where) {
  const std::map<const Module*, Shape> flattened = flattened_inputs(model, where);
  const auto image_of = [&](const Module* module) {
    const auto found = flattened.find(module);
    return found == flattened.end() ? Shape() : found->second;
  };
  std::vector<TorchPlace> places;
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
    places[at.first->second].names.push_back(torch_name(p.module, p.path));
  }
  for (const NamedBuffer& b : model.named_buffers()) {
    if (is<Dropout>(b.module)) continue;
    const bool counter = is<BatchNorm>(b.module) && b.buffer->name() == "batches";
    places.push_back({.tensor = &b.buffer->value(),
                      .names = {torch_name(b.module, b.path)},
                      .image = counter ? Shape() : image_of(b.module),
                      .may_be_missing = counter});
  }
  return places;
}

}  // namespace ebb::detail
