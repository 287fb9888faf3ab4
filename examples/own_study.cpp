// A study of one's own. Under softmax the gradients of all classes sum to zero, so only decay moves what the columns
// of the last layer have in common: it shows what decay did. Is that so, with every optimizer?
//
//     own_study list | show tracer | run tracer --jobs 2 | report tracer | check tracer
#include <algorithm>
#include <cmath>
#include <memory>

#include <ebb/framework/nn/linear.h>
#include <ebb/framework/ops/loss.h>
#include <ebb/lab/program/study_main.h>
#include <ebb/optim/adam.h>
#include <ebb/optim/sgd.h>

using namespace ebb;

namespace {

constexpr std::int64_t classes = 3, inputs = 4, batch = 16, steps = 200;
constexpr double lr = 0.05;

// The mean of the first row of the weights over classes.
double common_part(const Linear& head) {
  double sum = 0;
  for (std::int64_t k = 0; k < classes; ++k) sum += head.weight.value().data<double>()[k];
  return sum / classes;
}

std::unique_ptr<Optimizer> optimizer_of(const Trial& trial, Linear& head) {
  const Groups all = groups(head, {{"all", everything_else(), {.decay = decoupled_lr(trial.number("lambda"))}}});
  if (trial.word("optimizer") == "adam") return std::make_unique<Adam>(all, AdamOptions{.lr = lr});
  return std::make_unique<Sgd>(all, SgdOptions{.lr = lr, .momentum = 0.9});
}

// Depends on the trial alone: its arm, and the numbers of its pair, which all arms share.
void run(const Trial& trial, Record& record) {
  Linear head({.in = inputs, .out = classes}, trial.rng().at("head"));
  head.to(DType::f64);
  const std::unique_ptr<Optimizer> optimizer = optimizer_of(trial, head);
  const double start = common_part(head);
  double expected = start, loss = 0;
  for (std::int64_t step = 0; step < steps; ++step) {
    const Rng rng = trial.rng().at("batch").at(static_cast<std::uint64_t>(step));
    Tensor x({batch, inputs}, DType::f64), labels({batch}, DType::i64);
    for (std::int64_t i = 0; i < batch; ++i) {
      double* const row = x.mutable_data<double>() + i * inputs;
      for (std::int64_t j = 0; j < inputs; ++j) row[j] = rng.normal(static_cast<std::uint64_t>(i * inputs + j));
      labels.mutable_data<std::int64_t>()[i] = std::max_element(row, row + classes) - row;
    }
    Tape tape;
    const Var l = softmax_cross_entropy(head(x), labels);
    tape.backward(l);
    optimizer->step();
    optimizer->zero_grad();
    loss = l.value().item();
    expected *= 1 - lr * trial.number("lambda");
    if (step % 20 == 0) record.put("common part", step, common_part(head) / start);
  }
  record.put("error", std::abs(common_part(head) - expected));
  record.put("moved", std::abs(expected - start));
  record.put("loss", loss);
}

Plot courses(const Results& results) {
  Plot plot{.title = "Common part of the columns", .unit = "of its start", .x = "step", .curves = {}};
  for (const Arm& arm : results.arms({{"lambda", "0.1"}}))
    plot.curves.push_back({.title = arm_text(arm),
                           .points = results.series("common part", arm, 1),
                           .dashed = arm.at("optimizer") == "sgd",
                           .colour = arm.at("optimizer") == "sgd" ? "var(--c0)" : "var(--c1)"});
  return plot;
}

}  // namespace

int main(int argc, char** argv) {
  const Arm sgd{{"optimizer", "sgd"}}, adam{{"optimizer", "adam"}};
  // clang-format off
  return study_main(argc, argv, {{
      .name = "tracer", .title = "What all classes share is a tracer of decay",
      .statement = "Under softmax only decay moves the mean of the head's columns, where the optimizer is linear.",
      .limits = "One layer on made-up data.",
      .factors = {{"optimizer", {"sgd", "adam"}}, {"lambda", {"0.01", "0.1"}}},
      .pairs = 8, .tier = Tier::T1, .minutes = 0.05, .run = run,
      .claims = {identity({"1", "it follows w_0 prod(1 - lr lambda) under SGD with momentum"}, "error", 1e-12, "moved", sgd),
                 greater({"2", "under Adam it does not"}, "error", adam, sgd), estimate({"3", "the loss at the end"}, "loss")},
      .figures = {{"courses", "Under SGD it shrinks as decay says; under Adam gradients move it.", courses}},
  }});
  // clang-format on
}
