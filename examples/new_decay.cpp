// A kind of weight decay of your own: ten lines, and it works with every optimizer.
//
// This one shrinks by the square root of the schedule: between decoupled_constant, which ignores the learning rate,
// and decoupled_lr, which follows it.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>

#include <ebb/optim/adam.h>
#include <ebb/optim/lion.h>
#include <ebb/optim/report.h>
#include <ebb/optim/sgd.h>

using namespace ebb;

// code: kind
Decay decoupled_root(Lambda lambda) {
  return {"decoupled_root", lambda,
          [](const StepContext& s) { return DecayTerms{.shrink = s.base_lr * std::sqrt(s.schedule) * s.lambda}; },
          "w -= base_lr sqrt(schedule) lambda w"};
}
// code: end

int main() {
  const Decay decay = decoupled_root(0.5);
  const auto run = [](Optimizer& optimizer, Parameter& w) {
    for (int step = 0; step < 100; ++step) {  // a gradient of zero: what is left is decay alone
      w.zero_grad();
      w.accumulate(Tensor::zeros({1}, DType::f64));
      optimizer.step();
    }
    std::printf("%s%s after 100 steps: %.15f\n", report(optimizer).c_str(), optimizer.name().c_str(), w.value().item());
    return w.value().item();
  };
  const auto one = [] { return std::make_unique<Parameter>("w", Role::weight, Tensor::full({1}, 1, DType::f64)); };
  const auto a = one(), b = one(), c = one();
  Sgd sgd(groups({a.get()}, {{"all", everything_else()}}),
          {.lr = 0.1, .momentum = 0.9, .schedule = cosine(100), .decay = decay});
  Adam adam(groups({b.get()}, {{"all", everything_else()}}), {.lr = 0.1, .schedule = cosine(100), .decay = decay});
  Lion lion(groups({c.get()}, {{"all", everything_else()}}), {.lr = 0.1, .schedule = cosine(100), .decay = decay});
  double want = 1;
  for (int step = 0; step < 100; ++step) want *= 1 - 0.1 * 0.5 * std::sqrt(cosine(100)(step));
  double worst = 0;
  worst = std::max(worst, std::abs(run(sgd, *a) - want));
  worst = std::max(worst, std::abs(run(adam, *b) - want));
  worst = std::max(worst, std::abs(run(lion, *c) - want));
  std::printf("expected: %.15f\n", want);
  return worst < 1e-14 ? 0 : 1;
}
