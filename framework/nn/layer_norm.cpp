#include "framework/nn/layer_norm.h"

#include <limits>

#include "framework/nn/check.h"
#include "framework/ops/normalization.h"
#include "framework/tensor/error.h"

namespace ebb {

LayerNorm::LayerNorm(const LayerNormOptions& options) : options_(options) {
  require_at_least("LayerNorm", "size", options.size, 1);
  require_between("LayerNorm", "eps", options.eps, 0.0, std::numeric_limits<double>::max());
  if (!options.affine) return;
  scale.emplace(*this, "scale", Role::norm_scale, Tensor::full({options.size}, 1.0));
  shift.emplace(*this, "shift", Role::norm_shift, Tensor::zeros({options.size}));
}

Var LayerNorm::forward(const Var& x) {
  if (x.rank() < 1 || x.dim(-1) != options_.size)
    fail("LayerNorm", text("an input of shape ", x.shape()), text("a last axis of ", options_.size));
  return layer_norm(x, detail::optional_var(scale), detail::optional_var(shift), options_.eps);
}

std::string LayerNorm::describe() const { return text(options_.size); }

}  // namespace ebb
