#include "models/mlp.h"

#include "framework/nn/activations.h"
#include "framework/nn/linear.h"

namespace ebb {

Mlp::Mlp(const MlpOptions& options, const Rng& rng)
    : flatten(*this, "flatten", {.image = options.image}), net(*this, "net", rng) {
  std::int64_t width = options.image.size();
  for (const std::int64_t next : options.hidden) {
    net->add<Linear>({.in = width, .out = next});
    net->add<ReLU>();
    width = next;
  }
  net->add<Linear>({.in = width, .out = options.classes});
}

Var Mlp::forward(const Var& x) { return net(flatten(x)); }

}  // namespace ebb
