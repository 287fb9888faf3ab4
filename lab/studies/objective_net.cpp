// The penalty that Adam's decay stands for in softmax regression on images.
#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "data/loader.h"
#include "framework/nn/layer.h"
#include "framework/nn/linear.h"
#include "framework/ops/shape.h"
#include "framework/tensor/error.h"
#include "lab/study/implied_penalty.h"
#include "lab/study/study.h"
#include "lab/study/workloads.h"
#include "optim/adam.h"
#include "optim/groups.h"
#include "optim/selector.h"

namespace ebb::studies::objective_net_study {
namespace {

constexpr const char* images = "fashion-mnist";
constexpr std::int64_t batch = 64, fast = 3000, burn_in = 6000, steps = 12000;  // fast: at 3.3 times the lr
constexpr double label_noise = 0.2;

// Softmax regression.
class Regression : public Layer {
 public:
  explicit Regression(const Rng& rng) : fc{*this, "fc", {.in = 784, .out = 10, .bias = false}, rng} {}
  Var forward(const Var& x) override { return fc(reshape(x, {x.dim(0), -1})); }
  Child<Linear> fc;
};

// Strengths that come to much the same on average: the root of v is about 0.03 here.
double strength(const Trial& trial) {
  const bool decoupled = trial.word("kind") == "decoupled_lr" || trial.word("kind") == "cautious";
  return trial.number("lambda") * (decoupled ? 1 : 0.03);
}

Decay decay_of(const Trial& trial) {
  const std::string& kind = trial.word("kind");
  if (kind == "coupled_l2") return coupled_l2(strength(trial));
  if (kind == "stable") return stable(strength(trial));
  if (kind == "cautious") return cautious(strength(trial));
  return decoupled_lr(strength(trial));
}

// Means over steps, number by number.
struct Means {
  explicit Means(std::int64_t size) : w(static_cast<std::size_t>(size)), g(w), square(w) {}
  void add(const Tensor& weight, const Tensor& gradient, double share) {
    const float *const ws = weight.data<float>(), *const gs = gradient.data<float>();
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double one = static_cast<double>(gs[i]);
      w[i] += share * static_cast<double>(ws[i]), g[i] += share * one, square[i] += share * one * one;
    }
  }
  std::vector<double> w, g, square;
};

// Means of alpha and s over twelve groups of weights from small s to large, for the picture.
void put_classes(Record& record, const std::vector<double>& w, const std::vector<double>& g,
                 const std::vector<double>& s) {
  constexpr std::size_t groups = 12;
  std::vector<std::size_t> order(w.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return s[i]; });
  for (std::size_t k = 0; k < groups; ++k) {
    double n = 0, root = 0, alpha = 0;
    for (std::size_t i = k * w.size() / groups; i < (k + 1) * w.size() / groups; ++i) {
      const std::size_t j = order[i];
      n += w[j] * w[j], root += s[j] * w[j] * w[j], alpha -= g[j] * w[j];
    }
    record.put("root of v by group", static_cast<std::int64_t>(k), root / n);
    record.put("alpha by group", static_cast<std::int64_t>(k), alpha / n);
  }
}

// What is missing for `w` to be a minimum where the gradients are `g`.
void put_penalty(Record& record, const std::string& of, const Means& means, const std::vector<double>& g,
                 const Trial& trial) {
  double mean_v = 0;
  std::vector<double> root;
  for (const double v : means.square) {
    root.push_back(std::sqrt(v));
    mean_v += v / static_cast<double>(means.square.size());
  }
  const ImpliedPenalty penalty = implied_penalty(means.w, g, root);
  // stable() divides by the root of the mean of v.
  const double lambda = strength(trial) / (trial.word("kind") == "stable" ? std::sqrt(mean_v) : 1);
  record.put("slope over lambda" + of, penalty.slope / lambda);
  record.put("constant over lambda" + of, penalty.constant / lambda);
  record.put("share of the constant" + of, penalty.constant / penalty.mean);
  record.put("R^2" + of, penalty.explained);
  if (!of.empty()) return;
  record.put("root of the mean of v", std::sqrt(mean_v));
  put_classes(record, means.w, g, root);
}

// The gradient of the whole training set, labels as they are drawn.
std::vector<double> whole_gradient(Regression& model, const Loader& all) {
  const Epoch order = all.epoch(0);
  std::vector<double> out(static_cast<std::size_t>(model.fc->weight.value().size()));
  for (std::int64_t i = 0; i < order.size(); ++i) {
    const Batch one = order[i];
    workloads::gradients(model, {one.images, one.labels});
    const float* const g = model.fc->weight.grad().data<float>();
    for (std::size_t j = 0; j < out.size(); ++j)
      out[j] += static_cast<double>(g[j]) / static_cast<double>(order.size());
  }
  return out;
}

void run(const Trial& trial, Record& record) {
  Regression model(trial.rng().at("model"));
  Adam optimizer(groups(model, {{"all", everything_else(), {.decay = decay_of(trial)}}}),
                 {.lr = 1e-3, .schedule = multi_step({fast}, 0.3)});
  const Loader train(
      trial.data->train(images),
      {.batch = batch, .seed = trial.pair, .drop_last = true, .augment = {.label_noise = label_noise}, .prefetch = 0});
  const Parameter& weight = model.fc->weight;
  Means means(weight.value().size());
  for (std::int64_t step = 0, epoch = 0; step < burn_in + steps; ++epoch) {
    const Epoch order = train.epoch(epoch);
    for (std::int64_t i = 0; i < order.size() && step < burn_in + steps; ++i, ++step) {
      const Batch one = order[i];
      workloads::gradients(model, {one.images, one.labels});
      if (step >= burn_in) means.add(weight.value(), weight.grad(), 1.0 / steps);
      optimizer.step();
    }
  }
  put_penalty(record, "", means, means.g, trial);
  float* const at = model.fc->weight.value().mutable_data<float>();
  for (std::size_t i = 0; i < means.w.size(); ++i) at[i] = static_cast<float>(means.w[i]);
  put_penalty(record, " at the mean weights", means, whole_gradient(model, train), trial);
}

// Alpha of groups of weights against the root of v, with what theory says.
Plot penalties(const Results& results) {
  Plot plot{.title = "Implied penalty alpha = -g / w, lambda 3",
            .unit = "alpha, means of a twelfth of the weights",
            .x = "sqrt(v)",
            .curves = {},
            .x_axis = {}};
  std::size_t colour = 0;
  for (const std::string kind : {"coupled_l2", "decoupled_lr", "cautious"}) {
    const Arm arm{{"kind", kind}, {"lambda", "3"}};
    const std::vector<double> root = results.every("root of v by group", arm);
    const std::vector<double> alpha = results.every("alpha by group", arm);
    Curve seen{.title = kind, .points = {}, .dots = true, .colour = text("var(--c", static_cast<int>(colour++), ')')};
    for (std::size_t i = 0; i < root.size(); ++i) seen.points.emplace_back(root[i], alpha[i]);
    const auto [low, high] = std::ranges::minmax(root);
    Curve wanted{.title = kind == "coupled_l2" ? "its lambda, 0.09" : "its lambda, 3, times sqrt(v)",
                 .points = {},
                 .dashed = true,
                 .colour = seen.colour};
    for (const double s : {low, high}) wanted.points.emplace_back(s, kind == "coupled_l2" ? 0.09 : 3 * s);
    plot.curves.push_back(std::move(seen));
    if (kind != "cautious") plot.curves.push_back(std::move(wanted));
  }
  return plot;
}

std::vector<Claim> claims() {
  const Arm coupled{{"kind", "coupled_l2"}}, decoupled{{"kind", "decoupled_lr"}}, stable{{"kind", "stable"}},
      cautious{{"kind", "cautious"}};
  const std::string at_mean = " at the mean weights";
  return {
      within({"1", "decoupled_lr is a penalty of slope lambda on sqrt(v)", {"A7"}}, "slope over lambda", 1, 0.05,
             decoupled),
      above({"2", "which explains its strengths: R^2"}, "R^2", 0.95, decoupled),
      within({"3", "coupled_l2 is a penalty of lambda", {"A7"}}, "constant over lambda", 1, 0.05, coupled),
      within({"4", "of which nothing goes with sqrt(v)"}, "share of the constant", 1, 0.05, coupled),
      within({"5", "stable is a penalty of slope lambda on sqrt(v / mean v)"}, "slope over lambda", 1, 0.05, stable),
      above({"6", "which explains its strengths: R^2"}, "R^2", 0.95, stable),
      within({"7", "decoupled_lr, gradient of all images at the mean weights: slope lambda within 5 %", {"A7"}},
             "slope over lambda" + at_mean, 1, 0.05, decoupled),
      within({"8", "coupled_l2, gradient of all images at the mean weights: lambda within 10 %", {"A7"}},
             "constant over lambda" + at_mean, 1, 0.1, coupled),
      above({"9", "under noise cautious decay is a penalty, too: slope over lambda"}, "slope over lambda", 0.25,
            cautious),
      estimate({"10", "its slope over lambda"}, "slope over lambda", cautious),
      estimate({"11", "stable, gradient of all images at the mean weights: slope over lambda"},
               "slope over lambda" + at_mean, stable),
      estimate({"12", "decoupled_lr, gradient of all images at the mean weights: R^2"}, "R^2" + at_mean, decoupled),
  };
}

}  // namespace

Study study() {
  return {
      .name = "objective_net",
      .title = "The penalty that Adam's decay stands for, on images",
      .statement =
          "In softmax regression under the noise of batches, AdamW rests where a penalty weighted by sqrt(v) would "
          "have it, Adam with L2 where an unweighted one would.",
      .answer =
          "Yes, to a few thousandths, for gradients averaged over the steps at rest. The gradient at the mean weights "
          "is 3 to 5 % smaller, so that as a penalty of the loss it holds less exactly.",
      .reference = "Loshchilov & Hutter 2019; Xie et al. 2020; closed forms in docs/weight-decay.md",
      .limits =
          "Softmax regression on 5,000 images of which a fifth has wrong labels, with far more decay than helps, so "
          "that weights come to rest in 6,000 steps. The penalty is that of the mean weights of 12,000 more. It says "
          "where weights rest, not which prior is better. Gradients averaged over the steps and those at the averaged "
          "weights differ by the curvature of the loss.",
      .factors = {{"kind", {"coupled_l2", "decoupled_lr", "stable", "cautious"}}, {"lambda", {"3", "9"}}},
      .data = {images},
      .pairs = 8,
      .tier = Tier::T2,
      .minutes = 2,
      .run = run,
      .claims = claims(),
      .figures = {{"penalty", "Decoupled decay penalises by sqrt(v), coupled decay does not.", penalties}},
      .pilot =
          "Pairs 101 to 104, whose numbers are in objective_net-pilot.csv. 5 % and an R^2 of 0.95 were stated before "
          "any run; the pilot was off by 0.1 % and had 0.998 or more. Claims 7 and 8 were added after it: their bands "
          "are the least of 3, 5, 10, 20 and 30 % that is 1.25 times as wide as its means were off (2.7 and 1.9 %; 6.2 "
          "and 5.0 %). Bands were frozen when the arms of coupled_l2 and decoupled_lr of the pilot had been seen and "
          "one trial of stable; claim 9 comes from a trial of pair 201 at lambda 1 and 3 (0.45 and 0.43). Strengths "
          "and steps were chosen on pair 201. lambda of coupled_l2 and stable is 0.03 times that of the arm: about the "
          "same penalty on average.",
      .explanation =
          "Where weights rest decay and updates cancel: the mean of m / sqrt(v) is -lambda times that of w. Were v "
          "constant claims 1 to 6 would follow from that alone; they hold to a few thousandths. That a penalty of the "
          "loss would do the same is claims 7, 8 and 11: the gradient of all images at the mean weights is 3 to 5 % "
          "smaller. The gap grows with the lr: with 3.3 times as much it was 14 to 21 % (pair 201, lambda 1 and 3), as "
          "where weights wander about their mean and the loss is no quadratic. Under noise updates have either sign, "
          "so that the mask of cautious decay is on a part of the time: its slope is 0.38 to 0.44 of lambda."};
}

}  // namespace ebb::studies::objective_net_study
