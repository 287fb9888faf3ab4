#include "framework/nn/layer.h"

#include "framework/tensor/error.h"

namespace ebb {
namespace detail {

constinit thread_local CallObserver* call_observer = nullptr;

}  // namespace detail

Var Layer::observed(const Var& x) {
  detail::CallObserver& observer = *detail::call_observer;
  observer.enter(*this, x);
  Var y = forward(x);
  observer.leave(*this, x, y);
  return y;
}

Child<Layer>::Child(Module& parent, std::string name, std::unique_ptr<Layer> layer) : layer_(std::move(layer)) {
  if (!layer_) fail(text("Child ", name), "no layer", "a layer");
  parent.register_child(std::move(name), *layer_);
}

}  // namespace ebb
