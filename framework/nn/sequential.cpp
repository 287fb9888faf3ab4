#include "framework/nn/sequential.h"

#include <typeinfo>

#include "framework/nn/activations.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/conv_norm.h"
#include "framework/tensor/error.h"

namespace ebb {

Sequential::Sequential(const Rng& rng) : rng_(rng) {}

void Sequential::append(const std::string& name, std::unique_ptr<Layer> layer) {
  // Exact types only: a class derived from one of these may compute something else.
  Layer& added = *layer;
  const std::type_info& type = typeid(added);
  Step step{};
  if (type == typeid(Conv2d)) step.conv = static_cast<Conv2d*>(&added);
  if (type == typeid(BatchNorm1d) || type == typeid(BatchNorm2d)) step.norm = static_cast<BatchNorm*>(&added);
  step.norm_of_images = type == typeid(BatchNorm2d);
  step.relu = type == typeid(ReLU);
  step.layer = std::move(layer);
  if (steps_.size() == steps_.capacity()) steps_.reserve(2 * steps_.size() + 1);
  register_child(name, added);
  steps_.push_back(std::move(step));
}

void Sequential::require_layer(const Layer* layer) const {
  if (layer == nullptr) fail("Sequential", text("no layer in place ", size()), "a layer");
}

Layer& Sequential::at(std::int64_t index) {
  if (index < 0 || index >= size()) fail("Sequential", text("layer ", index), text("0 to ", size() - 1));
  return *steps_[static_cast<std::size_t>(index)].layer;
}

Var Sequential::forward(const Var& x) {
  // Merged layers are not called, so who observes calls gets the plain way.
  if (merge_ && detail::call_observer == nullptr) return forward_merged(x);
  Var y = x;
  for (const Step& step : steps_) y = (*step.layer)(y);
  return y;
}

Var Sequential::forward_merged(const Var& x) {
  Var y = x;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    const Step* const next = i + 1 < steps_.size() ? &steps_[i + 1] : nullptr;
    if (step.conv != nullptr && next != nullptr && next->norm_of_images) {
      const bool relu_follows = i + 2 < steps_.size() && steps_[i + 2].relu;
      auto& norm = static_cast<BatchNorm2d&>(*next->norm);
      y = conv_norm(*step.conv, norm, y, relu_follows ? Activation::relu : norm.options().activation);
      i += relu_follows ? 2 : 1;
    } else if (step.conv != nullptr && next != nullptr && next->relu) {
      Conv2d& conv = *step.conv;
      y = detail::within(conv,
                         [&] { return conv.apply(y, conv.weight, detail::optional_var(conv.bias), Activation::relu); });
      ++i;
    } else if (step.norm != nullptr && next != nullptr && next->relu) {
      y = detail::within(*step.norm, [&] { return step.norm->forward(y, Activation::relu); });
      ++i;
    } else {
      y = (*step.layer)(y);
    }
  }
  return y;
}

}  // namespace ebb
