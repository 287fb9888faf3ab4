// A blurred signal restored: what Tikhonov's regularisation and training with an L2 penalty have in common.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "lab/study/exact.h"
#include "lab/study/figures.h"
#include "lab/study/least_squares.h"
#include "lab/study/study.h"
#include "optim/sgd.h"

namespace ebb::studies::deblurring_study {
namespace {

using namespace toys;
using Numbers = std::vector<double>;

constexpr std::size_t n = 32;
constexpr double width = 1.2, sigma = 0.1, tau = 2, lambda = 0.02;
constexpr double expected = sigma * sigma / (tau * tau);  // the best lambda
constexpr int levels = 17;
double at_level(double level) { return expected * std::pow(2, (level - 8) / 2); }

double window(std::size_t away) {
  const auto at = static_cast<double>(std::min(away, n - away));
  return std::exp(-at * at / (2 * width * width));
}

// Each point of the blurred signal is a mean of its neighbours on a ring.
Numbers blur() {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += window(i);
  Numbers out(n * n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) out[i * n + j] = window((i + n - j) % n) / sum;
  return out;
}

// An orthonormal basis in which the blur is diagonal: cosines of frequency 0 to n/2, then sines.
struct Waves {
  Numbers basis = Numbers(n * n);  // [wave, place]
  Numbers passed = Numbers(n);     // what the blur leaves of each
  Waves() {
    const Numbers a = blur();
    for (std::size_t k = 0; k < n; ++k)
      for (std::size_t i = 0; i < n; ++i) {
        const bool cosine = k <= n / 2;
        const double angle = 2 * std::numbers::pi * static_cast<double>((cosine ? k : k - n / 2) * i % n) / n;
        const double size = k == 0 || k == n / 2 ? 1 / std::sqrt(n) : std::sqrt(2.0 / n);
        basis[k * n + i] = size * (cosine ? std::cos(angle) : std::sin(angle));
      }
    for (std::size_t k = 0; k < n; ++k)
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < n; ++j) passed[k] += basis[k * n + i] * a[i * n + j] * basis[k * n + j];
  }
  Numbers of(const Numbers& signal) const {
    Numbers out(n, 0.0);
    for (std::size_t k = 0; k < n; ++k)
      for (std::size_t i = 0; i < n; ++i) out[k] += basis[k * n + i] * signal[i];
    return out;
  }
};

struct Scene {
  Numbers signal = Numbers(n);
  LeastSquares task{n, n, blur(), Numbers(n)};
};

Scene scene(double noise, const Rng& rng) {
  Scene out;
  for (std::size_t i = 0; i < n; ++i) out.signal[i] = tau * rng.at("signal").normal(i);
  for (std::size_t i = 0; i < n; ++i) {
    out.task.y[i] = noise * rng.at("noise").normal(i);
    for (std::size_t j = 0; j < n; ++j) out.task.y[i] += out.task.x[i * n + j] * out.signal[j];
  }
  return out;
}

// Gradient descent on the mean loss, 1/n of the sum in which Tikhonov's lambda stands.
Numbers trained(const LeastSquares& task) {
  return descend(
      task, [](Groups table) { return Sgd(std::move(table), {.lr = n, .decay = coupled_l2(lambda / n)}); }, 2500,
      Numbers(n, 0.0));
}

void one_solution(const Trial& trial, const Waves& waves, Record& record) {
  for (const double noise : {0.0, sigma}) {
    const Scene one = scene(noise, trial.rng().at("scene"));
    const Numbers restored = trained(one.task), tikhonov = one.task.ridge(lambda / n);
    put_exact(record, noise > 0 ? "noisy data" : "clean data", farthest(restored, tikhonov),
              farthest(tikhonov, one.task.ridge(2 * lambda / n)));
    if (noise == 0) continue;
    const Numbers left = waves.of(restored), seen = waves.of(one.task.y);
    double worst = 0, effect = 1;
    for (std::size_t k = 0; k < n; ++k) {
      const double s = waves.passed[k], formula = s * s / (s * s + lambda), share = left[k] * s / seen[k];
      worst = std::max(worst, std::abs(share - formula));
      if (s * s > 0.001) effect = std::min(effect, 1 - formula);
      if (k > n / 2) continue;
      record.put("share", static_cast<std::int64_t>(k), share);
      record.put("share by formula", static_cast<std::int64_t>(k), formula);
    }
    put_exact(record, "filter", worst, effect);
  }
}

// The error of restored signals over lambda, of draws from the prior.
void best_strength(const Trial& trial, const Waves& waves, Record& record) {
  constexpr std::size_t draws = 200;
  Numbers mean(levels, 0.0);
  double chosen = 0, oracle = 0;
  for (std::size_t draw = 0; draw < draws; ++draw) {
    const Scene one = scene(sigma, trial.rng().at("draws").at(draw));
    const Numbers truth = waves.of(one.signal), seen = waves.of(one.task.y);
    const auto error = [&](double l) {
      double sum = 0;
      for (std::size_t k = 0; k < n; ++k) {
        const double s = waves.passed[k];
        sum += std::pow(s / (s * s + l) * seen[k] - truth[k], 2) / n;
      }
      return sum;
    };
    const auto residual = [&](double l) {
      double sum = 0;
      for (std::size_t k = 0; k < n; ++k) sum += std::pow(l / (std::pow(waves.passed[k], 2) + l) * seen[k], 2) / n;
      return sum;
    };
    double least = INFINITY, low = 1e-9, high = 1e3;
    for (int level = 0; level < levels; ++level) {
      mean[static_cast<std::size_t>(level)] += error(at_level(level)) / draws;
      least = std::min(least, error(at_level(level)));
    }
    for (int step = 0; step < 60; ++step) {
      const double middle = std::sqrt(low * high);
      (residual(middle) < sigma * sigma ? low : high) = middle;
    }
    chosen += error(low), oracle += least;
  }
  for (int level = 0; level < levels; ++level) record.put("error", level, mean[static_cast<std::size_t>(level)]);
  // Between levels by the parabola through the least mean and its neighbours.
  const auto best = std::clamp<std::ptrdiff_t>(std::ranges::min_element(mean) - mean.begin(), 1, levels - 2);
  const double before = mean[static_cast<std::size_t>(best - 1)], at = mean[static_cast<std::size_t>(best)],
               after = mean[static_cast<std::size_t>(best + 1)];
  record.put("best lambda", at_level(static_cast<double>(best) + (before - after) / 2 / (before - 2 * at + after)));
  record.put("discrepancy's error over the least", chosen / oracle);
}

void run(const Trial& trial, Record& record) {
  const Waves waves;
  one_solution(trial, waves, record);
  best_strength(trial, waves, record);
}

Plot filter(const Results& results) {
  return {.title = "What is left of each frequency",
          .unit = "share of the undamped solution",
          .x = "frequency, waves on the ring",
          .curves = course(results, {.title = "trained", .measured = "share", .predicted = "share by formula"})};
}

Plot errors(const Results& results) {
  Plot plot{.title = "Error of the restored signal",
            .unit = "mean square",
            .x = "lambda over sigma^2 / tau^2",
            .curves = course(results, {.title = "mean of 200 signals", .measured = "error", .at = [](double level) {
                                         return at_level(level) / expected;
                                       }})};
  plot.x_axis = {.scale = AxisOptions::Scale::log};
  return plot;
}

}  // namespace

Study study() {
  return {.name = "deblurring",
          .title = "Restoring a blurred signal",
          .statement = "Training with an L2 penalty rests at Tikhonov's solution; noise says which lambda is best.",
          .answer =
              "Yes: training with an L2 penalty rests at Tikhonov's solution, with noise in the data as without. The "
              "best lambda is the variance of the noise over that of the signals (measured 1.04 of it, 0.97 to 1.12); "
              "lambda chosen by the size of the residual has an error 1.25 times the least.",
          .reference = "Tikhonov 1963; Engl, Hanke & Neubauer 1996",
          .limits =
              "A linear blur that is known, and signals whose numbers are independent: a prior that fits the penalty. "
              "Images have another.",
          .pairs = 8,
          .tier = Tier::T1,
          .minutes = 0.1,
          .run = run,
          .claims = {exact({"1", "on data without noise training rests at Tikhonov's solution", {"G9"}}, "clean data",
                           1e-8),
                     exact({"2", "on noisy data, too", {"G9"}}, "noisy data", 1e-8),
                     at_least({"3", "noise in the data parts the two", {"G9"}, Verdict::Is::refuted},
                              "noisy data: error", 1e-6),
                     exact({"4", "a wave of which the blur passes s keeps s^2 / (s^2 + lambda)"}, "filter", 1e-8),
                     within({"5", "the best lambda is sigma^2 / tau^2, within the step of a grid of sqrt 2", {"G9"}},
                            "best lambda", expected, 0.29),
                     estimate({"6", "choosing lambda by the size of the residual, n sigma^2: error over the least"},
                              "discrepancy's error over the least")},
          .figures = {{"filter", "Training damps what the blur has damped, by Tikhonov's formula.", filter},
                      {"error", "The error is least where lambda is the noise over the prior.", errors}}};
}

}  // namespace ebb::studies::deblurring_study
