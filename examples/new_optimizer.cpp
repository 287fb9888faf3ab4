// An optimizer of your own: says what the base update is; decay, groups, schedules, clipping and state come with it.
#include <cmath>
#include <cstdio>

#include <ebb/framework/compute/basic.h>
#include <ebb/optim/report.h>

using namespace ebb;

// code: optimizer
// The gradient over its norm, averaged: b = mu b + g / |g|, u = b. One number sets the length of every step.
class NormalizedSgd : public Optimizer {
 public:
  NormalizedSgd(Groups groups, double lr, double momentum, Decay decay)
      : Optimizer("normalized_sgd", groups, {.lr = lr, .momentum = momentum, .decay = decay}) {}

 protected:
  std::array<const char*, 3> state_names() const override { return {"momentum"}; }

  void base_update(const Tensor& gradient, ParameterState& p, const StepContext& context, Tensor& u) override {
    Tensor& buffer = p.s[0];
    const double length = norm(gradient);
    scale(buffer, context.momentum);
    if (length > 0) axpy(1 / length, gradient, buffer);
    copy_into(u, buffer);
  }
};
// code: end

int main() {
  Parameter w("w", Role::weight, Tensor::from({3.0, -4.0}, {2}));
  NormalizedSgd optimizer(groups({&w}, {{"all", everything_else()}}), 0.1, 0.5, decoupled_lr(0.1));
  for (int step = 0; step < 200; ++step) {
    w.zero_grad();
    w.accumulate(w.value().clone());  // the gradient of |w|^2 / 2
    optimizer.step();
  }
  std::printf("%s|w| = %.3f after 200 steps\n", report(optimizer).c_str(), norm(w.value()));
  return norm(w.value()) < 0.5 ? 0 : 1;
}
