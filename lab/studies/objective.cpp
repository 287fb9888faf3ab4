// What Adam minimises under gradient noise with either form of decay, and whom it shrinks.
#include "lab/study/study.h"
#include "lab/study/toys.h"
#include "optim/adam.h"

namespace ebb::studies {
namespace {

using namespace toys;

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

void run(const Trial& trial, Record& record) {
  mean_under_noise(trial, record);
  rate_of_shrinking(trial, record);
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

Study objective() {
  const Arm coupled{{"kind", "coupled"}}, decoupled{{"kind", "decoupled"}};
  return {
      .name = "objective",
      .title = "What Adam with decay minimises",
      .statement = "Coupled Adam rests at the isotropic ridge whatever the noise; AdamW at ridge weighted by sqrt(v).",
      .reference = "Loshchilov & Hutter 2019; closed forms in docs/weight-decay.md",
      .limits = "One quadratic with noise of a known size in each weight.",
      .factors = {{"kind", {"coupled", "decoupled"}}, {"sigma", {"1", "2", "4"}}},
      .pairs = 8,
      .tier = Tier::T1,
      .minutes = 0.2,
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
                        "of a prior by sqrt(v)", 0.02, decoupled)},
      .figures = {{"means", "Coupled Adam keeps to one ridge whatever the noise; AdamW does not.", means}}};
}

}  // namespace ebb::studies
