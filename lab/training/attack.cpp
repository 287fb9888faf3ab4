#include "lab/training/attack.h"

#include <algorithm>

#include "framework/autograd/tape.h"
#include "framework/ops/loss.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

// moved + step sign(gradient), kept within radius of x.
template <class T>
void move(Tensor& moved, const Tensor& x, const Tensor& gradient, double step, double radius) {
  T* const to = moved.mutable_data<T>();
  const T *const from = x.data<T>(), *const g = gradient.data<T>();
  const T far = static_cast<T>(radius), by = static_cast<T>(step);
  for (std::int64_t i = 0; i < x.size(); ++i) {
    const T next = to[i] + (g[i] > 0 ? by : g[i] < 0 ? -by : T(0));
    to[i] = std::clamp(next, from[i] - far, from[i] + far);
  }
}

}  // namespace

Tensor attacked(Layer& model, const Tensor& x, const Tensor& labels, const AttackOptions& options) {
  if (!(options.radius > 0)) fail("attack", text("a radius of ", options.radius), "a positive number");
  if (options.steps < 1) fail("attack", text(options.steps, " steps"), "at least 1");
  if (!(options.step >= 0))
    fail("attack", text("a step of ", options.step), "a positive number, or 0 for the usual one");
  const double usual = options.steps == 1 ? options.radius : 2.5 * options.radius / options.steps,
               step = options.step > 0 ? options.step : usual;
  Tensor moved = x.clone();
  for (int k = 0; k < options.steps; ++k) {
    Parameter input("input", Role::weight, moved.clone());
    Tape tape;
    tape.backward(softmax_cross_entropy(model(Var(input)), labels));
    model.zero_grad();
    if (x.dtype() == DType::f64) move<double>(moved, x, input.grad(), step, options.radius);
    else move<float>(moved, x, input.grad(), step, options.radius);
  }
  return moved;
}

}  // namespace ebb
