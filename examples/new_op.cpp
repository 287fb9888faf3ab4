// An op of your own with a hand-written backward, and the check of its gradient. Everything stands in this file; the
// library is not touched.
#include <array>
#include <cmath>
#include <exception>
#include <iostream>

#include <ebb/framework/autograd/gradcheck.h>
#include <ebb/framework/ops/map.h>
#include <ebb/framework/tensor/error.h>

using namespace ebb;

// code: op
// x tanh(log(1 + e^x)), the activation Mish (Misra 2019). With s = log(1 + e^x) and t = tanh(s) its derivative is
// t + x (1 - t^2) / (1 + e^-x).
Var mish(const Var& x) {
  const auto softplus = [](auto v) { return std::max(v, decltype(v)(0)) + std::log1p(std::exp(-std::abs(v))); };
  Tensor y = map(x.value(), [=](auto v) { return v * std::tanh(softplus(v)); });
  return record("mish", {x}, y, [=, x = Saved(x.value())](const Tensor& dy, InputGrads& dx) {
    dx.add(0, map(*x, dy, [=](auto v, auto up) {
             const auto t = std::tanh(softplus(v));
             return up * (t + v * (1 - t * t) / (1 + std::exp(-v)));
           }));
  });
}
// code: end

// The same forward with a rule that forgets the second term.
Var wrong_mish(const Var& x) {
  return record("wrong_mish", {x}, mish(x.value()).value(), [x = Saved(x.value())](const Tensor& dy, InputGrads& dx) {
    dx.add(0, map(*x, dy, [](auto v, auto up) { return up * std::tanh(std::log1p(std::exp(v))); }));
  });
}

int main() try {
  // code: check
  // A check runs in f64 and compares the rule with differences of the forward pass.
  const std::array<Tensor, 1> inputs{Tensor::from({-30.0, -2.0, -0.5, 0.0, 0.1, 1.0, 3.0, 40.0}, {2, 4})};
  const GradcheckReport right = gradcheck(
      "mish", [](std::span<const Var> v) { return mish(v[0]); }, inputs);
  std::cout << "mish: " << (right ? "right" : right.message) << '\n';
  // code: end

  const GradcheckReport wrong = gradcheck(
      "wrong_mish", [](std::span<const Var> v) { return wrong_mish(v[0]); }, inputs);
  std::cout << "wrong_mish: " << (wrong ? "right" : wrong.message) << '\n';
  return right && !wrong ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
