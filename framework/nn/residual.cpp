#include "framework/nn/residual.h"

#include "framework/ops/arithmetic.h"
#include "framework/tensor/error.h"

namespace ebb {

Residual::Residual(const ResidualOptions& options, const Rng& rng)
    : main(*this, "main", rng), shortcut(*this, "shortcut", rng), activation_(options.activation) {}

Var Residual::forward(const Var& x) {
  const Var through = main(x);
  const Var around = shortcut(x);
  if (!(around.shape() == through.shape()))
    fail("Residual", text(through.shape(), " from main and ", around.shape(), " from shortcut"), "equal shapes",
         "add a Conv2d with kernel {1, 1} and the stride of main to the shortcut");
  return activation_ == Activation::relu ? add_relu(through, around) : through + around;
}

}  // namespace ebb
