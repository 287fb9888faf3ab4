// The receptive field of a unit: how decay spreads its weights over pixels, with and without a norm behind it.
#include <cmath>

#include "lab/study/exact.h"
#include "lab/study/figures.h"
#include "lab/study/study.h"
#include "lab/study/toys.h"
#include "optim/sgd.h"

namespace ebb::studies::receptive_field_study {
namespace {

using namespace toys;
using Numbers = std::vector<double>;

constexpr std::size_t side = 7, n = side * side;
constexpr int levels = 14;
double at_level(double level) { return 0.02 * std::pow(2, level); }

// Second moments of the pixels: large at the centre, each with a little of its own.
Numbers moments(const Rng& rng) {
  Numbers out(n);
  for (std::size_t i = 0; i < n; ++i) {
    const double y = static_cast<double>(i / side) - 3, x = static_cast<double>(i % side) - 3;
    out[i] = (0.2 + 1.8 * std::exp(-(x * x + y * y) / 6)) * (0.9 + 0.2 * rng.uniform(i));
  }
  return out;
}

// Of the shares of w_i^2.
double entropy(const Numbers& w) {
  double square = 0, sum = 0;
  for (const double x : w) square += x * x;
  for (const double x : w) sum -= x * x / square * std::log(x * x / square);
  return sum;
}

// Where sum s_i (w_i - target_i)^2 / 2 with an L2 penalty has its minimum.
Numbers formula(const Numbers& s, const Numbers& target, double lambda) {
  Numbers out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = target[i] * s[i] / (s[i] + lambda);
  return out;
}

// Descent on that, or on the same of a unit that a norm divides by its standard deviation.
Numbers trained(const Numbers& s, const Numbers& target, double lambda, bool norm, Rng start) {
  Parameter w("w", Role::weight, normals({static_cast<std::int64_t>(n)}, start));
  for (double& x : w.value().mutable_span<double>()) x = 1 + 0.3 * x;
  Sgd optimizer(alone(w), {.lr = norm ? 2 : 0.4, .decay = decoupled_lr(lambda)});
  Numbers unit = target;
  double size = 0;
  for (std::size_t i = 0; i < n; ++i) size += s[i] * target[i] * target[i];
  if (norm)
    for (double& x : unit) x /= std::sqrt(size);
  for (int step = 0; step < 3000; ++step) {
    const double* const x = w.value().data<double>();
    double square = 0, along = 0;
    for (std::size_t i = 0; i < n; ++i) square += s[i] * x[i] * x[i];
    const double deviation = norm ? std::sqrt(square) : 1;
    Tensor g({static_cast<std::int64_t>(n)}, DType::f64);
    double* const to = g.mutable_data<double>();
    for (std::size_t i = 0; i < n; ++i) {
      to[i] = s[i] * (x[i] / deviation - unit[i]);
      along += to[i] * x[i];
    }
    // Through the norm: (g - <g, w> S w / w'Sw) / deviation.
    if (norm)
      for (std::size_t i = 0; i < n; ++i) to[i] = (to[i] - along * s[i] * x[i] / square) / deviation;
    set_gradient(w, g);
    optimizer.step();
  }
  return {w.value().data<double>(), w.value().data<double>() + n};
}

void run(const Trial& trial, Record& record) {
  const Numbers s = moments(trial.rng().at("moments")), flat(n, 1.0);
  const Rng start = trial.rng().at("start");
  Numbers edges(n);  // weights of the data that are large where pixels say little
  for (std::size_t i = 0; i < n; ++i) edges[i] = 1 / s[i];
  const Numbers centred = formula(s, flat, 0.5), rest = trained(s, flat, 0.5, false, start);
  double worst = 0;
  for (std::size_t i = 0; i < n; ++i) worst = std::max(worst, std::abs(rest[i] - centred[i]));
  put_exact(record, "rest", worst, std::abs(centred[0] - 1));
  double rises = 0, falls = 0, previous = INFINITY, of_edges = 0, constant = 0;
  for (int level = 0; level < levels; ++level) {
    const double now = entropy(formula(s, flat, at_level(level))),
                 at_edges = entropy(formula(s, edges, at_level(level)));
    if (level > 0) rises = std::max(rises, now - previous), falls = std::max(falls, at_edges - of_edges);
    constant = std::max(constant, std::abs(entropy(formula(flat, edges, at_level(level))) - entropy(edges)));
    previous = now, of_edges = at_edges;
    record.put("even weights", level, now);
    record.put("weights of the edge", level, at_edges);
  }
  const double all = entropy(flat) - previous;
  put_exact(record, "rises of entropy", rises, all);
  put_exact(record, "rises of entropy of other weights", falls, all);
  put_exact(record, "entropy with even pixels", constant, all);
  const Numbers free = trained(s, flat, 0, true, start), held = trained(s, flat, 1e-4, true, start);
  put_exact(record, "before a norm", entropy(held) - entropy(free), entropy(flat) - entropy(centred));
  double shorter = 0, length = 0;
  for (std::size_t i = 0; i < n; ++i) shorter += held[i] * held[i], length += free[i] * free[i];
  record.put("squared norm left by decay", shorter / length);
}

Plot entropies(const Results& results) {
  Plot plot{.title = "Entropy of the shares of w_i^2", .unit = "nats", .x = "lambda", .curves = {}};
  plot.x_axis = {.scale = AxisOptions::Scale::log};
  for (const CourseOptions& each :
       {CourseOptions{.title = "data ask for even weights", .measured = "even weights", .at = at_level, .dots = true},
        CourseOptions{.title = "data ask for more at the edge",
        .measured = "weights of the edge",
        .colour = "var(--c1)",
        .at = at_level,
        .dots = true}})
    for (Curve& curve : course(results, each)) plot.curves.push_back(std::move(curve));
  plot.curves.push_back({.title = "all pixels alike",
                         .points = {{at_level(0), std::log(n)}, {at_level(levels - 1), std::log(n)}},
                         .dashed = true,
                         .colour = "var(--c2)"});
  return plot;
}

}  // namespace

Study study() {
  return {
      .name = "receptive_field",
      .title = "Decay and the receptive field of a unit",
      .statement =
          "Decay draws a unit's weights to pixels that say much, where the data ask for even weights and no norm "
          "follows.",
      .answer =
          "Only where the data ask for even weights: there a larger lambda never spreads a unit's weights more "
          "evenly. Where the data ask for more weight at pixels that say little it can spread them; where all pixels "
          "say as much, or a norm follows, it changes nothing, although decay has left but 30 % of the squared norm "
          "there.",
      .reference = "the filter of ridge regression; Marshall, Olkin & Arnold 2011 on majorisation",
      .limits = "One linear unit on pixels that do not hang together, by their second moments; no convolutional net.",
      .pairs = 6,
      .tier = Tier::T1,
      .minutes = 0.1,
      .run = run,
      .claims = {exact({"1", "training rests at w_i = w*_i s_i / (s_i + lambda)", {"G11"}}, "rest", 1e-12),
                 exact(
                     {"2", "where the data ask for even weights the entropy of w_i^2 never rises with lambda", {"G11"}},
                     "rises of entropy", 0),
                 exact({"3", "whatever the weights of the data", {"G11"}, Verdict::Is::refuted},
                       "rises of entropy of other weights", 1e-12),
                 exact({"4", "where all pixels say as much it does not depend on lambda", {"G11"}},
                       "entropy with even pixels", 1e-13),
                 exact({"5", "in front of a norm it does not depend on lambda", {"G11"}}, "before a norm", 1e-6),
                 estimate({"6", "there decay has left this much of the squared norm"}, "squared norm left by decay")},
      .figures = {{"entropy", "Decay narrows the receptive field or widens it, by what the data ask for.", entropies}}};
}

}  // namespace ebb::studies::receptive_field_study
