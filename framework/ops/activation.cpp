#include "framework/ops/activation.h"

#include "framework/ops/unary.h"

namespace ebb {

Var relu(const Var& x) {
  return unary("relu", x, Keep::output, Cost::cheap, [](const auto& k) { return k.relu; });
}

Var relu6(const Var& x) {
  return unary("relu6", x, Keep::output, Cost::cheap, [](const auto& k) { return k.relu6; });
}

Var leaky_relu(const Var& x, double slope) {
  return unary("leaky_relu", x, Keep::input, Cost::cheap, [](const auto& k) { return k.leaky_relu; },
               {{"slope", slope}});
}

Var elu(const Var& x, double alpha) {
  return unary("elu", x, Keep::input, Cost::transcendental, [](const auto& k) { return k.elu; }, {{"alpha", alpha}});
}

Var gelu(const Var& x, Gelu form) {
  if (form == Gelu::tanh)
    return unary("gelu", x, Keep::input, Cost::transcendental, [](const auto& k) { return k.gelu_tanh; },
                 {{"tanh", 1}});
  return unary("gelu", x, Keep::input, Cost::transcendental, [](const auto& k) { return k.gelu; });
}

Var silu(const Var& x) {
  return unary("silu", x, Keep::input, Cost::transcendental, [](const auto& k) { return k.silu; });
}

Var softplus(const Var& x) {
  return unary("softplus", x, Keep::input, Cost::transcendental, [](const auto& k) { return k.softplus; });
}

Var sigmoid(const Var& x) {
  return unary("sigmoid", x, Keep::output, Cost::transcendental, [](const auto& k) { return k.sigmoid; });
}

Var tanh(const Var& x) {
  return unary("tanh", x, Keep::output, Cost::transcendental, [](const auto& k) { return k.tanh; });
}

}  // namespace ebb
