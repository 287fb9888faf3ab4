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
#include "lab/study/implied_penalty.h"
#include "lab/study/study.h"
#include "lab/study/workloads.h"
#include "optim/adam.h"
#include "optim/groups.h"
#include "optim/selector.h"

namespace ebb::studies {
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

}  // namespace

Study objective_net() {
  return {
      .name = "objective_net",
      .title = "The penalty that Adam's decay stands for",
      .statement = "x",
      .reference = "Loshchilov & Hutter 2019; closed forms in docs/weight-decay.md",
      .limits = "x",
      .factors = {{"kind", {"coupled_l2", "decoupled_lr", "stable", "cautious"}}, {"lambda", {"3", "9"}}},
      .data = {images},
      .pairs = 8,
      .tier = Tier::T2,
      .minutes = 5,
      .run = run,
      .claims = {estimate({"1", "x"}, "R^2")},
  };
}

}  // namespace ebb::studies
