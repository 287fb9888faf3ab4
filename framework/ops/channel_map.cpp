#include "framework/ops/channel_map.h"

#include "framework/tensor/error.h"

namespace ebb::detail {

void require_normalizable(const char* op, const Tensor& x, int rank, const Tensor& scale, const Tensor& shift,
                          double eps) {
  require_defined(op, "input", x);
  if (!is_float(x.dtype())) fail(op, text("an input of type ", x.dtype()), "f32 or f64", "convert it with cast()");
  if (x.rank() < rank)
    fail(op, text("an input of shape ", x.shape()), text("at least ", rank, rank == 1 ? " axis" : " axes"));
  if (x.dim(-1) == 0) fail(op, text("an input of shape ", x.shape()), "a last axis of at least one element");
  if (!(eps >= 0) || !std::isfinite(eps)) fail(op, text("eps = ", eps), "a finite number >= 0");
  if (scale.defined() != shift.defined())
    fail(op, text("a ", scale.defined() ? "scale" : "shift", " alone"), "scale and shift, or neither",
         "pass ones as scale or zeros as shift");
  if (!scale.defined()) return;
  for (const auto& [tensor, what] : {std::pair{&scale, "scale"}, std::pair{&shift, "shift"}}) {
    if (!(tensor->shape() == Shape{x.dim(-1)}) || tensor->dtype() != x.dtype())
      fail(op,
           text("a ", what, ' ', tensor->shape(), ' ', tensor->dtype(), " for an input ", x.shape(), ' ', x.dtype()),
           text('[', x.dim(-1), "] ", x.dtype()));
  }
}

}  // namespace ebb::detail
