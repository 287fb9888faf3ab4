// AdamW against Adam with L2, each at a lambda of its own: whether decoupled decay generalises better.
#include <array>
#include <cmath>
#include <string>

#include "data/loader.h"
#include "lab/format/numbers.h"
#include "lab/study/exact.h"
#include "lab/study/figures.h"
#include "lab/study/statistics.h"
#include "lab/study/study.h"
#include "lab/study/toys.h"
#include "lab/study/workloads.h"
#include "optim/adam.h"

namespace ebb::studies::adamw_study {
namespace {

constexpr const char* images = "fashion-mnist";
constexpr std::int64_t batch = 64, epochs = 12;
constexpr double lr = 2e-3, label_noise = 0.2, margin = 0.5;

// Seven strengths of each kind, about three times apart; at the first of them there is no decay, and both kinds are one
// training.
constexpr std::array<double, 7> of_adamw{0, 0.03, 0.1, 0.3, 1, 3, 10}, of_l2{0, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3};

Decay decay_of(const Trial& trial) {
  const auto level = static_cast<std::size_t>(trial.number("strength"));
  if (level == 0) return no_decay();
  return trial.word("kind") == "adamw" ? decoupled_lr(of_adamw.at(level)) : coupled_l2(of_l2.at(level));
}

// Where the kinds part: what a weight without gradients does, and what the first step of any weight is.
void on_toys(Record& record) {
  constexpr int many = 100;
  constexpr double strong = 0.5, weak = 0.05;
  const auto after = [](const Decay& decay, int steps, double gradient) {
    const auto w = toys::parameter("w", {1.0});
    Adam optimizer(toys::alone(*w), {.lr = lr, .eps = 0, .decay = decay});
    for (int step = 0; step < steps; ++step) {
      toys::set_gradient(*w, {gradient});
      optimizer.step();
    }
    return w->value().item();
  };
  const double decoupled = after(decoupled_lr(strong), many, 0), coupled = after(coupled_l2(strong), many, 0);
  put_exact(record, "idle under AdamW", decoupled - std::pow(1 - lr * strong, many), decoupled - coupled);
  put_exact(record, "idle under Adam with L2", after(coupled_l2(weak), many, 0) - coupled,
            after(decoupled_lr(weak), many, 0) - decoupled);
  put_exact(record, "first step under Adam with L2", after(coupled_l2(strong), 1, 0.3) - after(no_decay(), 1, 0.3),
            after(decoupled_lr(strong), 1, 0.3) - after(no_decay(), 1, 0.3));
}

void on_images(const Trial& trial, Record& record) {
  workloads::SmallCnn model({}, trial.rng().at("model"));
  const Loader train(
      trial.data->train(images),
      {.batch = batch, .seed = trial.pair, .drop_last = true, .augment = {.label_noise = label_noise}, .prefetch = 0});
  Adam optimizer(model, {.lr = lr, .schedule = cosine(epochs * train.batches()), .decay = decay_of(trial)});
  workloads::train(model, optimizer, train, epochs);
  model.eval();
  record.put_validation("accuracy", score(model, trial.data->validation(images)));
  record.put("test accuracy", 100 * accuracy_on(model, trial.data->test(images).images()));
}

void run(const Trial& trial, Record& record) {
  if (trial.word("kind") == "adamw" && trial.word("strength") == "0") on_toys(record);
  if (trial.tier > Tier::T1) on_images(trial, record);
}

std::string listed(const std::array<double, 7>& strengths) {
  std::string out;
  for (const double strength : strengths) out += (out.empty() ? "" : ", ") + significant(strength);
  return out;
}

Plot accuracies(const Results& results) {
  const auto of = [](const std::string& title, const char* kind) {
    return LevelSeries{.title = title, .measured = "test accuracy", .arm = {{"kind", kind}}};
  };
  return series_over_levels(
      {.title = "Test accuracy", .unit = "%", .x = "strength of decay: number of the lambda", .curves = {}}, results,
      "strength",
      {of("AdamW: lambda " + listed(of_adamw), "adamw"), of("Adam with L2: lambda " + listed(of_l2), "adam + l2")},
      0.2);
}

ArmChoice chosen(const char* kind) { return {{{"kind", kind}}, "strength", "accuracy"}; }

// By how much kinds at their chosen strengths differ, and what either gains.
Plot gains(const Results& results) {
  const auto at = [&](const char* kind) {
    const ArmChoice choice = chosen(kind);
    Arm arm = choice.arm;
    arm["strength"] = choose(results, choice.factor, choice.measure, choice.arm).level();
    return arm;
  };
  const Arm none{{"kind", "adamw"}, {"strength", "0"}}, decoupled = at("adamw"), coupled = at("adam + l2");
  return side_by_side({.title = "Test accuracy at the strengths that validation chose",
                       .unit = "points, differences of pairs",
                       .x = "",
                       .curves = {}},
                      {{"AdamW less L2", results.differences("test accuracy", decoupled, coupled)},
                       {"AdamW less none", results.differences("test accuracy", decoupled, none)},
                       {"L2 less none", results.differences("test accuracy", coupled, none)}},
                      margin);
}

}  // namespace

Study study() {
  const Arm first{{"kind", "adamw"}, {"strength", "0"}};
  const ArmChoice decoupled = chosen("adamw"), coupled = chosen("adam + l2");
  std::vector<Claim> claims{
      exact({"1", "a weight without gradients shrinks by prod(1 - lr lambda) under AdamW"}, "idle under AdamW", 1e-12,
            first),
      exact({"2", "under Adam with L2, without eps, it goes the same way whatever lambda is"},
            "idle under Adam with L2", 1e-12, first),
      exact({"3", "nor does the first step of Adam with L2 feel lambda where the penalty leaves the gradient its sign"},
            "first step under Adam with L2", 1e-12, first),
      greater({"4", "AdamW generalises better than Adam with L2, both at a lambda chosen by validation", {"A11"}},
              "test accuracy", decoupled, coupled),
      equivalent({"5", "they generalise alike, within half a point", {"A11"}}, "test accuracy", decoupled, coupled,
                 margin),
      estimate({"6", "AdamW less Adam with L2, in points", {"A11"}}, "test accuracy", decoupled, coupled),
      greater({"7", "AdamW at that lambda is better than no decay"}, "test accuracy", decoupled, first),
      greater({"8", "so is Adam with L2"}, "test accuracy", coupled, first)};
  for (std::size_t i = 3; i < claims.size(); ++i) claims[i].least = Tier::T2;
  return {
      .name = "adamw",
      .title = "AdamW against Adam with L2",
      .statement =
          "Whether decoupled decay generalises better than an L2 penalty under Adam when each has a lambda of its own.",
      .answer =
          "Hardly, in this net: AdamW is ahead in accuracy by a fifth of a point, which shows over 16 pairs and is "
          "less than either kind gains over no decay.",
      .reference = "Loshchilov & Hutter 2019",
      .limits =
          "One net of two convolutions with batch norms on 5,000 images, a fifth of the labels wrong, 12 epochs along "
          "a cosine from one learning rate, which was not tuned. Seven strengths of each kind, about three times "
          "apart.",
      .factors = {{"kind", {"adamw", "adam + l2"}}, {"strength", {"0", "1", "2", "3", "4", "5", "6"}}},
      .data = {images},
      .pairs = 16,
      .tier = Tier::T3,
      .least_tier = Tier::T1,
      .minutes = 10,
      .run = run,
      .claims = std::move(claims),
      .figures = {{"accuracy", "Either kind gains a little up to strength 4 and loses beyond.", accuracies, Tier::T2},
                  {"gains",
                   "AdamW is a fifth of a point ahead, within the margin of half a point; either gains more over none.",
                   gains, Tier::T2}},
      .pilot =
          "Pairs 101 to 104, with strengths up to 30 under AdamW and up to 0.03 under L2: the best of L2 was the last "
          "one, so that both kinds have other strengths since then; with these, on pairs 101 and 102, the best one of "
          "either kind is inside. AdamW at its best was 0.12 points better than L2 at its best, with an interval that "
          "holds 0, and half a point better than no decay.",
      .explanation =
          "Claims 4 and 5 are both confirmed: the difference is there, and it is small. The grids do not explain it: "
          "Adam with L2 is as good at 0.01 as at 0.03, and parabolas through the best strength of a kind and both "
          "beside it put the tops at 84.9 and 84.7 %. Either kind gains more over no decay than the kinds differ."};
}

}  // namespace ebb::studies::adamw_study
