// What Adam minimises under gradient noise with either form of decay, whom it shrinks, and where decay rests without
// noise.
#include <algorithm>
#include <cmath>

#include "lab/study/exact.h"
#include "lab/study/implied_penalty.h"
#include "lab/study/least_squares.h"
#include "lab/study/study.h"
#include "lab/study/toys.h"
#include "optim/adam.h"

namespace ebb::studies::objective_study {
namespace {

using namespace toys;
using Numbers = std::vector<double>;

Decay decay_of(const Trial& trial, double lambda) {
  return trial.word("kind") == "coupled" ? coupled_l2(lambda) : decoupled_lr(lambda);
}

// Mean of weights that descend (w - 1)^2 / 2 under noise.
void mean_under_noise(const Trial& trial, Record& record) {
  constexpr std::int64_t lanes = 16;
  constexpr int burn_in = 8000, steps = 10000;
  constexpr double lambda = 0.2;
  const double sigma = trial.number("sigma");
  Parameter w("w", Role::weight, Tensor::full({lanes}, 0.7, DType::f64));
  Adam optimizer(alone(w), {.lr = 2e-3, .decay = decay_of(trial, lambda)});
  double mean = 0, square = 0;
  for (int step = 0; step < burn_in + steps; ++step) {
    Tensor g = normals({lanes}, trial.rng().at("noise").at(static_cast<std::uint64_t>(step)), sigma);
    double* const gs = g.mutable_data<double>();
    for (std::int64_t i = 0; i < lanes; ++i) {
      const double at = w.value().data<double>()[i];
      gs[i] += at - 1;
      if (step < burn_in) continue;
      mean += at / lanes / steps;
      square += gs[i] * gs[i] / lanes / steps;
    }
    set_gradient(w, g);
    optimizer.step();
  }
  record.put("mean", mean);
  record.put("of an isotropic prior", 1 / (1 + lambda));
  record.put("of a prior by sqrt(v)", 1 / (1 + lambda * std::sqrt(square)));
}

// How fast decay shrinks a weight whose gradients are plus and minus sigma in turn.
void rate_of_shrinking(const Trial& trial, Record& record) {
  constexpr int steps = 4000;
  const double sigma = trial.number("sigma");
  const auto end = [&](double lambda) {
    const auto w = parameter("w", {1.0});
    Adam optimizer(alone(*w), {.lr = 1e-3, .decay = decay_of(trial, lambda)});
    for (int step = 0; step < steps; ++step) {
      set_gradient(*w, {step % 2 == 0 ? sigma : -sigma});
      optimizer.step();
    }
    return w->value().item();
  };
  record.put("rate", std::log(end(0) / end(0.01)) / steps);
}

// Weights up to 3 of either sign, whose columns hang together.
LeastSquares regression_of(const Trial& trial) {
  constexpr std::size_t d = 20;
  Numbers w(d);
  for (std::size_t j = 0; j < d; ++j)
    w[j] = (j % 2 == 0 ? 1 : -1) * (0.2 + 2.8 * static_cast<double>(j) / static_cast<double>(d - 1));
  return regression(200, w, 0.5, trial.rng().at("regression"));
}

// What least squares lack for the mean weights under noise of sizes 0.5 to 8 to be a minimum.
void penalty_of_least_squares(const Trial& trial, Record& record) {
  constexpr std::int64_t burn_in = 10000, steps = 60000;
  constexpr double lambda = 0.3;
  const LeastSquares task = regression_of(trial);
  const Numbers moments = task.moments(), correlations = task.correlations();
  const auto d = static_cast<std::int64_t>(task.d);
  Parameter w("w", Role::weight, Tensor::zeros({d}, DType::f64));
  Adam optimizer(alone(w), {.lr = 2e-3, .decay = decay_of(trial, lambda)});
  const Rng noise = trial.rng().at("noise of each");
  Numbers mean(task.d), square(task.d), root(task.d);
  for (std::int64_t step = 0; step < burn_in + steps; ++step) {
    Tensor g({d}, DType::f64);
    double* const gs = g.mutable_data<double>();
    const double* const ws = w.value().data<double>();
    for (std::size_t j = 0; j < task.d; ++j) {
      const double size = 0.5 * std::pow(16, static_cast<double>(j * 7 % task.d) / static_cast<double>(task.d - 1));
      gs[j] = size * noise.normal(static_cast<std::uint64_t>(step * d) + j) - correlations[j];
      for (std::size_t k = 0; k < task.d; ++k) gs[j] += moments[j * task.d + k] * ws[k];
      if (step >= burn_in) mean[j] += ws[j] / steps, square[j] += gs[j] * gs[j] / steps;
    }
    set_gradient(w, g);
    optimizer.step();
  }
  for (std::size_t j = 0; j < task.d; ++j) root[j] = std::sqrt(square[j]);
  const ImpliedPenalty penalty = implied_penalty(mean, task.gradient(mean.data()), root);
  record.put("slope over lambda", penalty.slope / lambda);
  record.put("constant over lambda", penalty.constant / lambda);
  record.put("R^2", penalty.explained);
}

// The minimum of least squares with |w_j| <= edge, by gradient steps that are cut off.
Numbers in_box(const LeastSquares& task, double edge) {
  Numbers w(task.d, 0.0);
  for (int step = 0; step < 3000; ++step) {
    const Numbers g = task.gradient(w.data());
    for (std::size_t j = 0; j < task.d; ++j) w[j] = std::clamp(w[j] - 0.3 * g[j], -edge, edge);
  }
  return w;
}

// Without noise AdamW rests in a box, and cautious decay where there is none.
void without_noise(const Trial& trial, Record& record) {
  constexpr double lambda = 0.6;
  constexpr int steps = 20000;
  const LeastSquares task = regression_of(trial);
  const Numbers start(task.d, 0.0), free = task.ridge(0), box = in_box(task, 1 / lambda);
  const auto adam = [&](Decay decay) {
    return descend(
        task,
        [&](Groups table) {
          return Adam(std::move(table), {.lr = 1e-2, .beta2 = 0.95, .schedule = cosine(steps), .decay = decay});
        },
        steps, start);
  };
  const Numbers boxed = adam(decoupled_lr(lambda));
  double edge = 0, count = 0;
  for (std::size_t j = 0; j < task.d; ++j)
    if (std::abs(box[j]) == 1 / lambda) edge += std::abs(boxed[j]) * lambda, ++count;
  record.put("weights at the edge times lambda", edge / count);
  put_exact(record, "minimum in the box", farthest(boxed, box), farthest(free, box));
  put_exact(record, "cautious decay at least squares", farthest(adam(cautious(lambda)), free), farthest(boxed, free));
}

void run(const Trial& trial, Record& record) {
  mean_under_noise(trial, record);
  rate_of_shrinking(trial, record);
  if (trial.word("sigma") != "1") return;
  penalty_of_least_squares(trial, record);
  if (trial.word("kind") == "decoupled") without_noise(trial, record);
}

Plot means(const Results& results) {
  Plot plot{.title = "Where Adam rests on (w - 1)^2 / 2 under noise",
            .unit = "mean of w",
            .x = "sigma of the noise",
            .curves = {},
            .x_axis = {}};
  for (const std::string& kind : results.levels("kind")) {
    const std::string colour = kind == "coupled" ? "var(--c0)" : "var(--c1)";
    Curve seen{.title = kind, .points = {}, .dots = true, .colour = colour};
    Curve isotropic{.title = "of an isotropic prior", .points = {}, .dashed = true, .colour = "var(--c0)"};
    Curve weighted{.title = "of a prior by sqrt(v)", .points = {}, .dashed = true, .colour = "var(--c1)"};
    for (const std::string& sigma : results.levels("sigma")) {
      const Arm arm{{"kind", kind}, {"sigma", sigma}};
      const double x = std::stod(sigma);
      for (const double mean : results.values("mean", arm)) seen.points.emplace_back(x, mean);
      isotropic.points.emplace_back(x, results.values("of an isotropic prior", arm).front());
      weighted.points.emplace_back(x, results.values("of a prior by sqrt(v)", arm).front());
    }
    plot.curves.push_back(std::move(seen));
    plot.curves.push_back(kind == "coupled" ? std::move(isotropic) : std::move(weighted));
  }
  return plot;
}

}  // namespace

Study study() {
  const Arm coupled{{"kind", "coupled"}}, decoupled{{"kind", "decoupled"}};
  return {
      .name = "objective",
      .title = "What Adam with decay minimises",
      .statement =
          "Under noise coupled Adam rests at the isotropic ridge, AdamW at ridge weighted by sqrt(v); without noise "
          "AdamW rests in a box.",
      .answer =
          "With noise in the gradients Adam with L2 minimises the loss with one penalty of lambda for all weights "
          "(0.998 of it measured), AdamW with a penalty that grows as sqrt(v) (slope 1.00 of lambda). Without noise "
          "AdamW rests at the minimum of the loss in a box of 1 / lambda, and cautious decay at that of the loss.",
      .reference = "Loshchilov & Hutter 2019; Xie & Li 2024; Chen et al. 2025; closed forms in docs/weight-decay.md",
      .limits = "Quadratics of one and of twenty weights, with noise of a known size in each weight, or none.",
      .factors = {{"kind", {"coupled", "decoupled"}}, {"sigma", {"1", "2", "4"}}},
      .pairs = 8,
      .tier = Tier::T1,
      .minutes = 0.2,
      .version = 2,
      .run = run,
      .claims = {slope({"1", "coupled decay shrinks weights at a rate that falls as 1/sqrt(v)", {"A2", "A3"}}, "rate",
                       "sigma", -1, 0.05, coupled),
                 slope({"2", "decoupled decay shrinks all at one rate", {"A2", "A3"}}, "rate", "sigma", 0, 0.02,
                       decoupled),
                 within({"3",
                         "decoupled decay rests where an isotropic Gaussian prior has its mode",
                         {"A7"},
                         Verdict::Is::refuted},
                        "mean", "of an isotropic prior", 0.02, decoupled),
                 within({"4", "coupled decay does", {"A7"}}, "mean", "of an isotropic prior", 0.02, coupled),
                 within({"5", "decoupled decay rests where a prior of precision lambda sqrt(v) has it", {"A7"}}, "mean",
                        "of a prior by sqrt(v)", 0.02, decoupled),
                 within({"6",
                         "least squares under noise of many sizes: decoupled decay is a penalty of slope lambda "
                         "on sqrt(v)",
                         {"A7"}},
                        "slope over lambda", 1, 0.05, decoupled),
                 above({"7", "which explains its strengths: R^2"}, "R^2", 0.95, decoupled),
                 within({"8", "there coupled decay is one of lambda, whatever v", {"A7"}}, "constant over lambda", 1,
                        0.05, coupled),
                 within({"9", "without noise AdamW holds weights at the edge of the box 1 / lambda"},
                        "weights at the edge times lambda", 1, 0.02),
                 exact({"10", "it rests at the minimum of the loss in that box"}, "minimum in the box", 1e-3),
                 exact({"11", "cautious decay rests at least squares"}, "cautious decay at least squares", 1e-3)},
      .figures = {{"means", "Coupled Adam keeps to one ridge whatever the noise; AdamW does not.", means}}};
}

}  // namespace ebb::studies::objective_study
