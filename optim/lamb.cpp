#include "optim/lamb.h"

#include "framework/compute/basic.h"

namespace ebb {

Lamb::Lamb(Groups groups, LambOptions options)
    : Adam("lamb", std::move(groups),
           {.lr = options.lr,
            .beta1 = options.beta1,
            .beta2 = options.beta2,
            .eps = options.eps,
            .schedule = options.schedule,
            .decay = options.decay,
            .gradient = options.gradient,
            .plateau = options.plateau}) {}

void Lamb::update(ParameterState& p, const Step& step) {
  const Tensor u = computed_update(p, step);
  Step scaled = step;
  scaled.terms.l2_update = 0;
  const Role role = p.parameter->role();
  if (role == Role::weight || role == Role::embedding) {
    const double w = norm(p.parameter->value()), length = norm(u);
    if (w > 0 && length > 0) scaled.context.lr *= w / length;
  }
  apply(p, scaled, u);
}

}  // namespace ebb
