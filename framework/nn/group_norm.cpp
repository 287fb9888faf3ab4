#include "framework/nn/group_norm.h"

#include <limits>

#include "framework/nn/check.h"
#include "framework/ops/normalization.h"
#include "framework/tensor/error.h"

namespace ebb {

GroupNorm::GroupNorm(const GroupNormOptions& options) : options_(options) {
  require_at_least("GroupNorm", "groups", options.groups, 1);
  require_at_least("GroupNorm", "channels", options.channels, 1);
  require_between("GroupNorm", "eps", options.eps, 0.0, std::numeric_limits<double>::max());
  if (options.channels % options.groups != 0)
    fail("GroupNorm", text("channels = ", options.channels, ", groups = ", options.groups),
         "groups that divide channels");
  if (!options.affine) return;
  scale.emplace(*this, "scale", Role::norm_scale, Tensor::full({options.channels}, 1.0));
  shift.emplace(*this, "shift", Role::norm_shift, Tensor::zeros({options.channels}));
}

Var GroupNorm::forward(const Var& x) {
  if (x.rank() < 2 || x.dim(-1) != options_.channels)
    fail("GroupNorm", text("an input of shape ", x.shape()), text("[batch, ..., ", options_.channels, ']'));
  return group_norm(x, detail::optional_var(scale), detail::optional_var(shift), options_.groups, options_.eps);
}

std::string GroupNorm::describe() const { return text(options_.channels, ", groups ", options_.groups); }

}  // namespace ebb
