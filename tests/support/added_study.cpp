// A study that is put into a copy of lab/studies as decay_alone.cpp, beside those that are there.
#include <cmath>
#include <memory>

#include "lab/study/exact.h"
#include "lab/study/study.h"
#include "lab/study/toys.h"
#include "optim/adam.h"
#include "optim/sgd.h"

namespace ebb::studies::decay_alone_study {
namespace {

// Decay alone takes lr lambda of a weight in a step, whatever the optimizer: without gradients nothing else moves it.
void run(const Trial& trial, Record& record) {
  constexpr int steps = 50;
  constexpr double lr = 0.1;
  const double lambda = trial.number("lambda");
  const std::unique_ptr<Parameter> w = toys::random_parameter("w", {5}, trial.rng());
  const Tensor start = w->value().clone();
  std::unique_ptr<Optimizer> optimizer;
  if (trial.word("optimizer") == "adam")
    optimizer = std::make_unique<AdamW>(toys::alone(*w), AdamOptions{.lr = lr, .decay = decoupled_lr(lambda)});
  else optimizer = std::make_unique<Sgd>(toys::alone(*w), SgdOptions{.lr = lr, .decay = decoupled_lr(lambda)});
  for (int step = 0; step < steps; ++step) {
    toys::zero_gradient(*w);
    optimizer->step();
  }
  Tensor left = start.clone();
  for (double& x : left.mutable_span<double>()) x *= std::pow(1 - lr * lambda, steps);
  put_exact(record, "what is left", toys::farthest(w->value(), left), toys::farthest(w->value(), start));
}

}  // namespace

Study study() {
  return {.name = "decay_alone",
          .title = "What decay alone leaves",
          .statement = "Without gradients a weight shrinks by (1 - lr lambda)^t.",
          .limits = "Weights without gradients.",
          .factors = {{"optimizer", {"sgd", "adam"}}, {"lambda", {"0.01", "0.1"}}},
          .tier = Tier::T0,
          .minutes = 0.01,
          .run = run,
          .claims = {exact({"1", "it is (1 - lr lambda)^t of it"}, "what is left", 1e-13)}};
}

}  // namespace ebb::studies::decay_alone_study
