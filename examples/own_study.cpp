// A study of one's own. Under softmax the gradients of all classes sum to zero, so that only decay moves what the
// columns of the last layer have in common: it shows what decay did. Is that so with every optimizer?
//
//     own_study list | show tracer | run tracer --jobs 2 | report tracer | check tracer
#include <cmath>
#include <memory>

#include <ebb/framework/compute/basic.h>
#include <ebb/framework/nn/linear.h>
#include <ebb/framework/ops/loss.h>
#include <ebb/framework/tensor/error.h>
#include <ebb/lab/program/study_main.h>
#include <ebb/optim/adam.h>
#include <ebb/optim/sgd.h>

using namespace ebb;

// Depends on the trial alone: its arm, and the random numbers of its pair, which all arms share.
void run(const Trial& trial, Record& record) {
  Linear head({.in = 4, .out = 3}, trial.rng().at("head"));
  head.to(DType::f64);
  const auto common = [&] { return sum(head.weight.value()) / 12; };
  const double lr = 0.05, lambda = trial.number("lambda"), start = common();
  const Groups all = groups(head, {{"all", everything_else(), {.decay = decoupled_lr(lambda)}}});
  std::unique_ptr<Optimizer> optimizer;
  if (trial.word("optimizer") == "adam") optimizer = std::make_unique<Adam>(all, AdamOptions{.lr = lr});
  else optimizer = std::make_unique<Sgd>(all, SgdOptions{.lr = lr, .momentum = 0.9});
  double expected = start;
  for (std::int64_t step = 0; step < 200; ++step) {
    Tensor x({16, 4}, DType::f64), labels({16}, DType::i64);
    fill_normal(x, trial.rng().at("batch").at(static_cast<std::uint64_t>(step)), 0, 1);
    for (std::int64_t i = 0; i < 16; ++i) labels.mutable_data<std::int64_t>()[i] = x.data<double>()[4 * i] > 0 ? 0 : 1;
    Tape tape;
    tape.backward(softmax_cross_entropy(head(x), labels));
    optimizer->step();
    optimizer->zero_grad();
    expected *= 1 - lr * lambda;
    record.put("common part", step, common() / start);
  }
  record.put("error", std::abs(common() - expected));
  record.put("moved", std::abs(expected - start));
}

Plot courses(const Results& results) {
  Plot plot{.title = "Common part of the columns", .unit = "of its start", .x = "step", .curves = {}};
  for (const Arm& arm : results.arms({{"lambda", "0.1"}}))
    plot.curves.push_back({.title = arm_text(arm),
                           .points = results.series("common part", arm, 1),
                           .colour = text("var(--c", plot.curves.size(), ")")});
  return plot;
}

Study tracer() {
  const Arm sgd{{"optimizer", "sgd"}}, adam{{"optimizer", "adam"}};
  return {.name = "tracer",
          .title = "What all classes share is a tracer of decay",
          .statement = "Under softmax only decay moves the mean of the head's columns, where the optimizer is linear.",
          .limits = "One layer on made-up data.",
          .factors = {{"optimizer", {"sgd", "adam"}}, {"lambda", {"0.01", "0.1"}}},
          .tier = Tier::T1,
          .minutes = 0.05,
          .run = run,
          .claims = {identity({"1", "it follows w_0 prod(1 - lr lambda) under SGD"}, "error", 1e-12, "moved", sgd),
                     greater({"2", "under Adam it does not"}, "error", adam, sgd)},
          .figures = {{"courses", "Under SGD it shrinks as decay says; under Adam gradients move it.", courses}}};
}

int main(int argc, char** argv) { return study_main(argc, argv, {tracer()}); }
