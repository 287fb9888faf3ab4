#include "framework/nn/layer.h"

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

}  // namespace ebb
