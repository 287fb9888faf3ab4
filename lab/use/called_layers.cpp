#include "lab/use/called_layers.h"

#include <algorithm>
#include <map>
#include <utility>

#include "framework/autograd/observing.h"
#include "framework/nn/eval_mode.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "framework/tensor/suggest.h"

namespace ebb {
namespace {

// Looks on while the model runs.
class CallList : public detail::CallObserver {
 public:
  explicit CallList(Layer& model) {
    for (const NamedModule& m : model.named_modules())
      if (!m.path.empty()) paths_.emplace(m.module, m.path);
  }

  void enter(Layer& layer, const Var&) override {
    if (const auto known = paths_.extract(&layer)) layers.push_back({known.mapped(), &layer});
  }
  void leave(Layer&, const Var&, const Var&) override {}

  std::vector<CalledLayer> layers;

 private:
  detail::Observing<detail::CallObserver> observing_{detail::call_observer, this};
  std::map<const Module*, std::string> paths_;  // of those that were not called yet
};

bool is_convolution(const CalledLayer& called) { return dynamic_cast<const Conv2d*>(called.layer) != nullptr; }

}  // namespace

std::vector<CalledLayer> called_layers(Layer& model, const Shape& image) {
  const Tape::Pause pause;
  const EvalMode eval(model);
  const std::vector<Parameter*> parameters = model.parameters();
  const DType dtype = parameters.empty() ? DType::f32 : parameters.front()->value().dtype();
  CallList calls(model);
  model(Tensor::zeros(image.insert(0, 1), dtype));
  return std::move(calls.layers);
}

const CalledLayer* first_convolution(const std::vector<CalledLayer>& layers) {
  const auto found = std::ranges::find_if(layers, is_convolution);
  return found == layers.end() ? nullptr : &*found;
}

const CalledLayer* last_convolution(const std::vector<CalledLayer>& layers) {
  const auto found = std::find_if(layers.rbegin(), layers.rend(), is_convolution);
  return found == layers.rend() ? nullptr : &*found;
}

const CalledLayer& layer_called(const std::vector<CalledLayer>& layers, std::string_view path, std::string_view where) {
  const auto found = std::ranges::find(layers, path, &CalledLayer::path);
  if (found != layers.end()) return *found;
  std::vector<std::string> known;
  for (const CalledLayer& layer : layers) known.push_back(layer.path);
  fail(where, in_quotes(path), "the path of a layer that the network calls", suggestion(path, known));
}

}  // namespace ebb
