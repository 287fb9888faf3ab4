/// \file
/// What tests of ops share: gradients by tape, and runs on several numbers of threads.
#pragma once

#include <boost/test/unit_test.hpp>
#include <functional>
#include <span>
#include <vector>

#include "framework/autograd/tape.h"
#include "tests/support/tensors.h"

namespace ebb::test {

/// The result of `f` at `inputs`, and the gradients with respect to them when the result's gradient is `seed` (ones
/// when it is undefined).
inline std::vector<Tensor> with_gradients(const std::function<Var(std::span<const Var>)>& f,
                                          const std::vector<Tensor>& inputs, Tensor seed = {}) {
  Tape tape;
  std::vector<Var> leaves;
  for (const Tensor& input : inputs) leaves.push_back(tape.input(input));
  const Var y = f(leaves);
  if (!seed.defined()) seed = Tensor::full(y.shape(), 1.0, y.dtype());
  tape.backward(y, seed);
  std::vector<Tensor> out{y.value()};
  for (const Var& leaf : leaves) out.push_back(tape.gradient(leaf));
  return out;
}

/// The gradient of a function of one input, for a result's gradient of ones.
inline Tensor gradient_of(const std::function<Var(const Var&)>& f, const Tensor& x) {
  return with_gradients([&](std::span<const Var> in) { return f(in[0]); }, {x})[1];
}

/// True when all tensors that `f` returns have the same bits on 1, 2, 3, 4 and 8 threads.
inline boost::test_tools::assertion_result same_on_all_threads(const std::function<std::vector<Tensor>()>& f) {
  std::vector<Tensor> one;
  for (const int count : {1, 2, 3, 4, 8}) {
    const Threads threads(count);
    const std::vector<Tensor> now = f();
    if (count == 1) one = now;
    for (std::size_t i = 0; i < one.size(); ++i) {
      boost::test_tools::assertion_result same = same_bits(now[i], one[i]);
      if (same) continue;
      boost::test_tools::assertion_result result(false);
      result.message() << "tensor " << i << " on " << count << " threads: " << same.message();
      return result;
    }
  }
  return true;
}

}  // namespace ebb::test
