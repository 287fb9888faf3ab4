// Least squares under decay, L1, elastic net and dropout: where training rests, and what that means.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "lab/study/choice.h"
#include "lab/study/exact.h"
#include "lab/study/least_squares.h"
#include "lab/study/number_text.h"
#include "lab/study/study.h"
#include "lab/study/toys.h"
#include "optim/sgd.h"

namespace ebb::studies::ridge_study {
namespace {

using namespace toys;
using Numbers = std::vector<double>;

constexpr double eta = 0.2, lambda = 0.3;
constexpr std::size_t drawn = 3;  // weights whose paths are drawn

Numbers trained(const LeastSquares& task, Decay decay, int steps = 4000, Numbers start = {}) {
  start.resize(task.d, 0.0);
  return descend(
      task, [&](Groups table) { return Sgd(std::move(table), {.lr = eta, .decay = decay}); }, steps, start);
}

double dot(const Numbers& a, const Numbers& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }

double length(const Numbers& w) { return std::sqrt(dot(w, w)); }

// Gradient descent from 0 in the eigenbasis: w(t) = c / (s + lambda) (1 - (1 - eta (s + lambda))^t), at every t.
void on_the_way(const Trial& trial, Record& record) {
  constexpr std::size_t d = 6;
  Numbers s(d), c(d);
  for (std::size_t k = 0; k < d; ++k)
    s[k] = 0.1 + 3 * trial.rng().at("s").uniform(k), c[k] = trial.rng().at("c").normal(k);
  Parameter w("w", Role::weight, Tensor::zeros({d}, DType::f64));
  Sgd optimizer(alone(w), {.lr = eta, .decay = coupled_l2(lambda)});
  double worst = 0, effect = 0;
  for (int t = 1; t <= 200; ++t) {
    Tensor g({d}, DType::f64);
    for (std::size_t k = 0; k < d; ++k) g.mutable_data<double>()[k] = s[k] * w.value().data<double>()[k] - c[k];
    set_gradient(w, g);
    optimizer.step();
    for (std::size_t k = 0; k < d; ++k) {
      const auto at = [&](double l) { return c[k] / (s[k] + l) * (1 - std::pow(1 - eta * (s[k] + l), t)); };
      worst = std::max(worst, std::abs(w.value().data<double>()[k] - at(lambda)));
      effect = std::max(effect, std::abs(at(0) - at(lambda)));
      if (k >= drawn || t > 40 || t % 2 != 1) continue;
      record.put("path of weight " + std::to_string(k + 1), t, w.value().data<double>()[k]);
      record.put("formula of weight " + std::to_string(k + 1), t, at(lambda));
    }
  }
  put_exact(record, "path", worst, effect);
}

void map_estimate(const Trial& trial, const LeastSquares& task, Record& record) {
  constexpr double sigma = 0.5, tau = 0.8;
  const double n = static_cast<double>(task.n);
  // The mode of the posterior, from the sums: (X'X / sigma^2 + I / tau^2) w = X'y / sigma^2.
  Numbers a = task.moments(), b = task.correlations();
  for (double& v : a) v *= n / (sigma * sigma);
  for (double& v : b) v *= n / (sigma * sigma);
  for (std::size_t j = 0; j < task.d; ++j) a[j * task.d + j] += 1 / (tau * tau);
  const Numbers mode = solve(a, b);
  put_exact(record, "posterior's mode", farthest(trained(task, decoupled_lr(sigma * sigma / (n * tau * tau))), mode),
            farthest(trained(task, decoupled_lr(sigma * sigma / (tau * tau))), mode));
  // How often the 95 % interval of the posterior holds the truth, drawn from the prior.
  constexpr std::size_t draws = 1000, d = 3, samples = 20;
  int covered = 0;
  for (std::size_t draw = 0; draw < draws; ++draw) {
    const Rng rng = trial.rng().at("coverage").at(draw);
    const Numbers truth{tau * rng.normal(0), tau * rng.normal(1), tau * rng.normal(2)};
    const LeastSquares one = regression(samples, truth, sigma, rng);
    Numbers precision = one.moments(), unit(d, 0.0);
    for (double& v : precision) v *= static_cast<double>(samples) / (sigma * sigma);
    for (std::size_t j = 0; j < d; ++j) precision[j * d + j] += 1 / (tau * tau);
    unit[0] = 1;
    const double variance = solve(precision, unit)[0];
    const double mean = one.ridge(sigma * sigma / (static_cast<double>(samples) * tau * tau))[0];
    covered += std::abs(mean - truth[0]) < 1.959964 * std::sqrt(variance);
  }
  record.put("coverage", covered / static_cast<double>(draws));
}

void trade(const LeastSquares& task, Record& record) {
  double wrong = 0, previous_norm = INFINITY, previous_loss = 0, first = 0;
  for (int i = 0; i <= 12; ++i) {
    const Numbers w = task.ridge(1e-3 * std::pow(2, i));
    wrong = std::max({wrong, length(w) - previous_norm, previous_loss - task.loss(w)});
    if (i == 0) first = length(w);
    previous_norm = length(w), previous_loss = task.loss(w);
  }
  put_exact(record, "steps against the trade", wrong, first - previous_norm);
}

void zeros(const LeastSquares& task, Record& record) {
  constexpr double l1 = 0.25;
  const Numbers w = trained(task, proximal_l1(l1)), chattering = trained(task, coupled_l1(l1));
  const Numbers g = task.gradient(w.data()), free = task.gradient(Numbers(task.d, 0.0).data());
  double kkt = 0, effect = 0, closest = INFINITY;
  int exact_zeros = 0, chattering_zeros = 0;
  for (std::size_t j = 0; j < task.d; ++j) {
    kkt = std::max(kkt, w[j] == 0 ? std::max(0.0, std::abs(g[j]) - l1) : std::abs(g[j] + std::copysign(l1, w[j])));
    effect = std::max(effect, std::abs(free[j]) - l1);
    exact_zeros += w[j] == 0;
    chattering_zeros += chattering[j] == 0;
    if (w[j] == 0) closest = std::min(closest, std::abs(chattering[j]));
  }
  put_exact(record, "optimality of L1", kkt, effect);
  record.put("exact zeros of the proximal step", exact_zeros);
  put_exact(record, "zeros that the subgradient misses", exact_zeros - chattering_zeros, exact_zeros);
  record.put("where the subgradient chatters", closest);
}

// A column twice: L1 leaves open how it is shared, the elastic net shares it equally.
void twins(const Trial& trial, Record& record) {
  LeastSquares task = regression(60, {1.5, 0, -1}, 0.3, trial.rng().at("twins"));
  for (std::size_t i = 0; i < task.n; ++i) task.x[i * 3 + 1] = task.x[i * 3];
  const Numbers l1 = trained(task, proximal_l1(0.1), 4000, {2, 0, 0}),
                l1_too = trained(task, proximal_l1(0.1), 4000, {0, 2, 0});
  const Numbers both = trained(task, elastic_net(0.1, 0.1), 4000, {2, 0, 0}),
                both_too = trained(task, elastic_net(0.1, 0.1), 4000, {0, 2, 0});
  put_exact(record, "sum of the twins under L1", l1[0] + l1[1] - l1_too[0] - l1_too[1], l1[0] + l1[1]);
  put_exact(record, "twins under L1", farthest(l1, l1_too), l1[0] + l1[1]);
  put_exact(record, "twins under the elastic net", std::max(farthest(both, both_too), std::abs(both[0] - both[1])),
            farthest(l1, l1_too));
}

// Least squares with dropped inputs, over all masks.
Numbers masked(const LeastSquares& task, double p) {
  const std::size_t d = task.d;
  const Numbers moments = task.moments(), correlations = task.correlations();
  Numbers a(d * d, 0.0), b(d, 0.0);
  for (unsigned mask = 0; mask < (1u << d); ++mask) {
    double chance = 1;
    const auto kept = [&](std::size_t j) { return (mask >> j & 1u) != 0 ? 1 / (1 - p) : 0.0; };
    for (std::size_t j = 0; j < d; ++j) chance *= kept(j) > 0 ? 1 - p : p;
    for (std::size_t j = 0; j < d; ++j) {
      for (std::size_t k = 0; k < d; ++k) a[j * d + k] += chance * kept(j) * kept(k) * moments[j * d + k];
      b[j] += chance * kept(j) * correlations[j];
    }
  }
  return solve(a, b);
}

// Ridge with p/(1-p) times the column's second moment; with equal second moments that is one strength.
void dropout(const LeastSquares& task, Record& record) {
  constexpr double p = 0.3, strength = p / (1 - p);
  const Numbers moments = task.moments();
  Numbers penalty(task.d);
  for (std::size_t j = 0; j < task.d; ++j) penalty[j] = strength * moments[j * task.d + j];
  put_exact(record, "dropout by all masks", farthest(masked(task, p), task.ridge(penalty)),
            farthest(masked(task, p), task.ridge(strength)));
  LeastSquares even = task;
  for (std::size_t i = 0; i < even.x.size(); ++i) even.x[i] /= std::sqrt(moments[(i % task.d) * task.d + i % task.d]);
  put_exact(record, "dropout with equal second moments", farthest(masked(even, p), even.ridge(strength)),
            farthest(masked(task, p), task.ridge(strength)));
}

double minus_loss(const Numbers& w, const LeastSquares& samples) { return -samples.loss(w); }

// Columns at right angles: one number a row, so that X'X/n = I and ridge is c / (1 + lambda), c = X'y/n.
LeastSquares one_number_a_row(const Numbers& truth, const Rng& rng) {
  constexpr std::size_t rows = 2;
  LeastSquares out{rows * truth.size(), truth.size(), Numbers(rows * truth.size() * truth.size(), 0.0), {}};
  const double size = std::sqrt(static_cast<double>(truth.size()));
  for (std::size_t i = 0; i < out.n; ++i) {
    const std::size_t j = i % out.d;
    out.x[i * out.d + j] = size;
    out.y.push_back(size * (truth[j] + rng.normal(i)));
  }
  return out;
}

// With v = X'y/n of the validation data their loss is |c / (1 + lambda) - v|^2 / 2 and a constant, which is least at
// 1 / (1 + lambda) = c'v / |c|^2: the level nearest to it is to be chosen, whatever the test data are.
void choice(const Trial& trial, Record& record) {
  const Rng rng = trial.rng().at("choice");
  std::vector<std::string> levels;
  for (int i = -16; i <= 16; ++i) levels.push_back(exact_text(std::pow(2, i / 4.0)));
  Numbers truth;
  for (std::size_t j = 0; j < 20; ++j) truth.push_back(rng.at("truth").normal(j));
  const auto parts = [&](double tests) {
    return drawn_parts(rng, [&, tests](const Rng& own, Part part) {
      LeastSquares out = one_number_a_row(truth, own);
      if (part == Part::test)
        for (double& y : out.y) y *= tests;
      return out;
    });
  };
  const auto at = [](const std::string& level) { return std::log2(std::stod(level)); };
  const auto weights = [](const LeastSquares& train, const std::string& level) {
    return trained(train, decoupled_lr(std::stod(level)), 300);
  };
  const auto chosen_of = [&](const DrawnParts<LeastSquares>& of) {
    return choose(levels,
                  [&](const std::string& level) { return score(weights(of.train, level), of.validation, minus_loss); });
  };
  // The level of least loss on samples that no choice can be made by.
  const auto least = [&](const LeastSquares& train, const LeastSquares& samples) {
    return *std::ranges::min_element(levels, {}, [&](const std::string& l) { return samples.loss(weights(train, l)); });
  };
  const DrawnParts<LeastSquares> given = parts(1), others = parts(-1);
  const Chosen chosen = chosen_of(given);
  const Numbers c = given.train.correlations(), v = given.validation.samples().correlations();
  const double best = dot(c, v) / dot(c, c);
  const std::string foreseen = *std::ranges::min_element(
      levels, {}, [&](const std::string& level) { return std::abs(1 / (1 + std::stod(level)) - best); });
  record.put_chosen("lambda", chosen);
  put_exact(record, "lambda by validation", at(chosen.level()) - at(foreseen),
            at(least(given.train, given.train)) - at(foreseen));
  put_exact(record, "lambda with other test data", at(chosen_of(others).level()) - at(chosen.level()),
            at(least(others.train, others.test.samples())) - at(chosen.level()));
  const auto tested = [&](const std::string& level) { return given.test.samples().loss(weights(given.train, level)); };
  record.put("test loss of the choice over the least",
             tested(chosen.level()) / tested(least(given.train, given.test.samples())));
}

void run(const Trial& trial, Record& record) {
  const LeastSquares task = regression(40, {1, -2, 0.5, 0, 0.1, 0}, 0.5, trial.rng().at("task"));
  on_the_way(trial, record);
  put_exact(record, "ridge", farthest(trained(task, decoupled_lr(lambda)), task.ridge(lambda)),
            farthest(task.ridge(0), task.ridge(lambda)));
  map_estimate(trial, task, record);
  trade(task, record);
  zeros(task, record);
  twins(trial, record);
  dropout(task, record);
  choice(trial, record);
}

// Each pair has its own spectrum: the one whose weights end farthest from each other, so that none hides another.
std::uint64_t clearest(const Results& results) {
  std::uint64_t best = 0;
  double most = -1;
  for (const std::uint64_t pair : results.pairs()) {
    std::vector<double> ends;
    for (std::size_t k = 1; k <= drawn; ++k)
      ends.push_back(results.series("path of weight " + std::to_string(k), {}, pair).back().second);
    std::ranges::sort(ends);
    double least = INFINITY;
    for (std::size_t i = 1; i < ends.size(); ++i) least = std::min(least, ends[i] - ends[i - 1]);
    if (least > most) most = least, best = pair;
  }
  return best;
}

Plot paths(const Results& results) {
  const std::uint64_t pair = clearest(results);
  Plot plot{.title = "Weights on their way to the ridge", .unit = "w", .x = "step", .curves = {}};
  for (std::size_t k = 1; k <= drawn; ++k) {
    const std::string number = std::to_string(k), colour = "var(--c" + std::to_string(k - 1) + ")";
    const auto of = [&](const std::string& what) { return results.series(what + " of weight " + number, {}, pair); };
    plot.curves.push_back({.title = "weight " + number, .points = of("path"), .dots = true, .colour = colour});
    plot.curves.push_back({.title = "its formula", .points = of("formula"), .dashed = true, .colour = colour});
  }
  return plot;
}

}  // namespace

Study study() {
  return {.name = "ridge",
          .title = "Least squares under decay, L1, elastic net and dropout",
          .statement =
              "On least squares decay is ridge regression at every step of the way, and L1 needs its proximal step.",
          .answer =
              "Yes, exactly: under decay gradient descent goes the way of the formula at every step and rests at "
              "ridge regression, the mode of a posterior whose 95 % interval holds the truth as often as it says. L1 "
              "has its exact zeros, 3 of 6 weights, with the proximal step and not with the subgradient; how it "
              "shares the weight of twin columns is up to the start, where the elastic net shares equally.",
          .reference = "Hoerl & Kennard 1970; Zou & Hastie 2005; closed forms in docs/weight-decay.md",
          .limits = "Linear models.",
          .pairs = 8,
          .tier = Tier::T1,
          .minutes = 0.1,
          .version = 3,
          .run = run,
          .claims = {exact({"1", "gradient descent goes the way of the formula, at every step"}, "path", 1e-12),
                     exact({"2", "it rests at (X'X/n + lambda I)^-1 X'y/n"}, "ridge", 1e-12),
                     exact({"3", "with a larger lambda the norm never rises and the loss never falls", {"B2"}},
                           "steps against the trade", 0),
                     exact({"4", "decay of sigma^2 / (n tau^2) rests at the mode of the posterior", {"B5"}},
                           "posterior's mode", 1e-12),
                     within({"5", "its 95 % interval holds the truth 95 times of a hundred", {"B5"}}, "coverage", 0.95,
                            0.02),
                     exact({"6", "proximal L1 fulfils the conditions of a minimum", {"B6", "D5"}}, "optimality of L1",
                           1e-8),
                     estimate({"7", "exact zeros of the proximal step, of six weights", {"B6", "D5"}},
                              "exact zeros of the proximal step"),
                     exact({"8", "the subgradient step has those zeros, too", {"B6", "D5"}, Verdict::Is::refuted},
                           "zeros that the subgradient misses", 0),
                     exact({"9",
                            "L1 shares the weight of twin columns in one way, whatever the start",
                            {"D6"},
                            Verdict::Is::refuted},
                           "twins under L1", 1e-10),
                     exact({"10", "the elastic net shares it equally from every start", {"D6"}},
                           "twins under the elastic net", 1e-10),
                     exact({"11", "dropout on the inputs is ridge weighted by second moments", {"G7"}},
                           "dropout by all masks", 1e-12),
                     exact({"12", "with equal second moments it is ridge of one strength", {"G7"}},
                           "dropout with equal second moments", 1e-12),
                     exact({"13", "validation chooses the lambda of c'v = |c|^2 / (1 + lambda), of 33 levels"},
                           "lambda by validation", 0),
                     exact({"14", "other test data leave the choice where it was"}, "lambda with other test data", 0),
                     estimate({"15", "the test loss of the choice over the least of all levels"},
                              "test loss of the choice over the least")},
          .figures = {{"path", "Under decay gradient descent goes the way of the formula.", paths}}};
}

}  // namespace ebb::studies::ridge_study
