// Step 1 of docs/tutorial.md: a tensor, a parameter, and a tape that finds gradients.
#include <exception>
#include <iostream>

#include <ebb/framework/autograd/parameter.h>
#include <ebb/framework/autograd/tape.h>
#include <ebb/framework/ops/arithmetic.h>
#include <ebb/framework/ops/reduction.h>
#include <ebb/framework/tensor/tensor.h>

using namespace ebb;

int main() try {
  // code: tensor
  const Tensor a = Tensor::from({1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f}, {2, 3});
  std::cout << a << '\n';
  std::cout << sum(a, {0}).value() << '\n';  // over axis 0: one number for each column
  // code: end

  // code: tape
  Parameter w("w", Role::weight, Tensor::from({0.5f, -1.0f}, {2}));
  const Tensor x = Tensor::from({3.0f, 2.0f}, {2});
  {
    Tape tape;
    const Var error = sum(w * x) - 1.0;  // 0.5 * 3 - 1 * 2 - 1
    const Var loss = error * error;
    tape.backward(loss);
    std::cout << "loss " << loss.value().item() << '\n';
  }
  std::cout << "gradient " << w.grad() << '\n';  // 2 error x
  // code: end

  // code: no_tape
  std::cout << "recording: " << (Tape::recording() ? "yes" : "no") << '\n';
  std::cout << "w x = " << sum(w * x).value().item() << '\n';  // just a number
  // code: end
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
