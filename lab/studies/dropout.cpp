// Dropout as an L2 penalty: where it is one, and how far off the quadratic approximation is elsewhere.
#include <cmath>

#include "lab/study/exact.h"
#include "lab/study/figures.h"
#include "lab/study/statistics.h"
#include "lab/study/study.h"

namespace ebb::studies::dropout_study {
namespace {

using Numbers = std::vector<double>;

constexpr std::size_t samples = 12, d = 8;
constexpr int levels = 9;
double at_level(double level) { return 0.02 * std::pow(2, level); }

struct Task {
  Numbers x = Numbers(samples * d), y = Numbers(samples), w = Numbers(d);
  explicit Task(const Rng& rng) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = rng.at("x").normal(i) / std::sqrt(d);
    for (std::size_t i = 0; i < samples; ++i) y[i] = rng.at("y").uniform(i) < 0.5 ? 0 : 1;
    for (std::size_t j = 0; j < d; ++j) w[j] = rng.at("w").normal(j);
  }
  double output(std::size_t sample, double by) const {
    double sum = 0;
    for (std::size_t j = 0; j < d; ++j) sum += by * w[j] * x[sample * d + j];
    return sum;
  }
};

double squared(double output, double y) { return (output - y) * (output - y) / 2; }
double logistic(double output, double y) { return std::log1p(std::exp(output)) - y * output; }

// What dropping inputs with chance p adds to the loss of weights `by` times w: the mean over all masks.
double added(const Task& task, double by, double p, double (*loss)(double, double)) {
  double sum = 0;
  for (std::size_t i = 0; i < samples; ++i) {
    const double plain = loss(task.output(i, by), task.y[i]);
    for (unsigned mask = 0; mask < (1u << d); ++mask) {
      double chance = 1, output = 0;
      for (std::size_t j = 0; j < d; ++j) {
        const bool kept = (mask >> j & 1u) != 0;
        chance *= kept ? 1 - p : p;
        if (kept) output += by * task.w[j] * task.x[i * d + j] / (1 - p);
      }
      sum += chance * (loss(output, task.y[i]) - plain);
    }
  }
  return sum;
}

// p / (1 - p) / 2 sum_ij a_i x_ij^2 w_j^2, a_i the second derivative of the loss at the output of sample i.
double quadratic(const Task& task, double by, double p, bool of_logistic) {
  double sum = 0;
  for (std::size_t i = 0; i < samples; ++i) {
    const double chance = 1 / (1 + std::exp(-task.output(i, by)));
    for (std::size_t j = 0; j < d; ++j)
      sum += (of_logistic ? chance * (1 - chance) : 1) * std::pow(by * task.w[j] * task.x[i * d + j], 2);
  }
  return p / (1 - p) / 2 * sum;
}

void run(const Trial& trial, Record& record) {
  const Task task(trial.rng().at("task"));
  const auto off = [&](double by, double p) {
    return std::abs(quadratic(task, by, p, true) / added(task, by, p, logistic) - 1);
  };
  const double exact = quadratic(task, 1, 0.3, false);
  put_exact(record, "squared loss", added(task, 1, 0.3, squared) / exact - 1, added(task, 1, 0.5, squared) / exact - 1);
  record.put("off at p of a millionth", off(4, 1e-6));
  record.put("off at p of a half", off(4, 0.5));
  Numbers x, y;
  for (int level = 0; level < levels; ++level) {
    const double by = at_level(level);
    for (const auto& [name, p] : {std::pair("0.01", 0.01), std::pair("0.5", 0.5)})
      record.put(std::string("off at p of ") + name, level, off(by, p));
    if (level < 3) x.push_back(std::log(by)), y.push_back(std::log(off(by, 0.5)));
  }
  record.put("power of the weights", line(x, y).slope);
}

Plot approximation(const Results& results) {
  Plot plot{.title = "Error of the quadratic approximation",
            .unit = "relative error",
            .x = "size of the weights",
            .curves = {}};
  plot.x_axis = {.scale = AxisOptions::Scale::log};
  plot.y_axis = {.scale = AxisOptions::Scale::log};
  int colour = 0;
  for (const std::string p : {"0.01", "0.5"})
    for (Curve& curve : course(results, {.title = "p = " + p,
                                        .measured = "off at p of " + p,
                                        .colour = "var(--c" + std::to_string(colour++) + ")",
                                        .at = at_level,
                                        .dots = true}))
      plot.curves.push_back(std::move(curve));
  return plot;
}

}  // namespace

Study study() {
  return {
      .name = "dropout",
      .title = "Dropout as an L2 penalty",
      .statement =
          "On a squared loss dropout of inputs is a weighted L2 penalty; on a logistic one nearly so, where weights "
          "are small, not where little is dropped.",
      .answer =
          "On a squared loss dropout of inputs is a weighted L2 penalty, exactly. On a logistic loss it is one nearly "
          "where weights are small, with an error that falls with their square; at weights of 4 it is off by 4 to 28 "
          "% even if only a millionth is dropped.",
      .reference = "Wager, Wang & Liang 2013",
      .limits = "Dropout of the inputs of linear models with eight of them, over all masks; no hidden units.",
      .pairs = 8,
      .tier = Tier::T0,
      .minutes = 0.1,
      .run = run,
      .claims =
          {exact({"1", "a squared loss gains p / (1 - p) / 2 sum_j w_j^2 sum_i x_ij^2", {"G7"}}, "squared loss", 1e-12),
           within(
               {"2", "the error of the approximation of a logistic loss falls with the square of the weights", {"G7"}},
               "power of the weights", 2, 0.05),
           at_least({"3", "however little is dropped, at weights of 4 it is off by a hundredth or more", {"G7"}},
                    "off at p of a millionth", 0.01),
           estimate({"4", "how far off at p = 1/2 and weights of 4"}, "off at p of a half")},
      .figures = {{"error", "The approximation is good for small weights, whatever the share that is dropped.",
                   approximation}}};
}

}  // namespace ebb::studies::dropout_study
