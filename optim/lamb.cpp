#include "optim/lamb.h"

#include "framework/compute/basic.h"
#include "framework/compute/root_of_squares.h"

namespace ebb {

Lamb::Lamb(Groups groups, LambOptions options)
    : Adam("lamb", std::move(groups),
           {.lr = options.lr,
            .beta1 = options.beta1,
            .beta2 = options.beta2,
            .eps = options.eps,
            .schedule = options.schedule,
            .momentum_schedule = options.momentum_schedule,
            .decay = options.decay,
            .gradient = options.gradient,
            .plateau = options.plateau}) {}

void Lamb::update(ParameterState& p, const Step& step) {
  Tensor u = computed_update(p, step);
  Step scaled = step;
  scaled.terms.l2_update = 0;
  const Role role = p.parameter->role();
  if (role == Role::weight || role == Role::embedding) {
    const double w = norm(p.parameter->value()), length = norm(u);
    double ratio = w > 0 && length > 0 ? w / length : 1;
    if (divisor_near(ratio, u.dtype()) != ratio) {  // the ratio may be no number of the type
      normalize(u);
      ratio = w;
    }
    scaled.context.lr *= ratio;
  }
  apply(p, scaled, u);
}

}  // namespace ebb
