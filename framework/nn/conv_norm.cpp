#include "framework/nn/conv_norm.h"

namespace ebb {

Var conv_norm(Conv2d& conv, BatchNorm2d& norm, const Var& x, Activation activation) {
  // Who observes calls gets calls.
  if (detail::call_observer != nullptr) {
    const Var y = norm(conv(x));
    return activation == Activation::relu ? relu(y) : y;
  }
  return norm.forward(conv.forward(x, norm.uses_batch()), activation);
}

}  // namespace ebb
