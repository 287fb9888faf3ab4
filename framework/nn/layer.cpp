#include "framework/nn/layer.h"

namespace ebb {
namespace detail {

constinit thread_local CallObserver* call_observer = nullptr;
constinit thread_local PlaceObserver* place_observer = nullptr;

}  // namespace detail

namespace {

Var observed(Layer& layer, const Var& x) {
  detail::CallObserver& observer = *detail::call_observer;
  observer.enter(layer, x);
  Var y = layer.forward(x);
  observer.leave(layer, x, y);
  return y;
}

}  // namespace

Var Layer::operator()(const Var& x) {
  return detail::within(*this, [&] { return detail::call_observer == nullptr ? forward(x) : observed(*this, x); });
}

Child<Layer>::Child(Module& parent, std::string name, std::unique_ptr<Layer> layer) : layer_(std::move(layer)) {
  if (!layer_) fail(text("Child ", name), "no layer", "a layer");
  parent.register_child(std::move(name), *layer_);
}

}  // namespace ebb
