#include "lab/reports/curves.h"

#include <algorithm>
#include <cmath>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

// A running mean over about a fiftieth of the points, so that the trend of noisy values shows.
std::vector<std::pair<double, double>> smooth(const std::vector<std::pair<double, double>>& points) {
  std::vector<std::pair<double, double>> out;
  const double stay = 1 - 1 / std::max(1.0, static_cast<double>(points.size()) / 50);
  double mean = 0, weight = 0;
  for (const auto& [x, y] : points) {
    if (std::isfinite(y)) {
      mean = stay * mean + (1 - stay) * y;
      weight = stay * weight + (1 - stay);
    }
    if (weight > 0) out.emplace_back(x, mean / weight);
  }
  return out;
}

template <class Value>
Curve over_epochs(const RunData& run, const std::string& title, const Value& value) {
  Curve curve{.title = title, .points = {}};
  for (const EpochResult& epoch : run.log.epochs)
    curve.points.emplace_back(static_cast<double>(epoch.epoch), value(epoch));
  return curve;
}

// One curve for each group.
template <class Value>
Plot by_group(const RunData& run, const std::string& title, const Value& value) {
  Plot plot{.title = title, .x = "step", .y = {}, .curves = {}, .from_zero = true};
  for (const StepResult& step : run.log.steps)
    for (const GroupMeasure& g : step.groups) {
      auto at = std::ranges::find(plot.curves, g.name, &Curve::title);
      if (at == plot.curves.end())
        at = plot.curves.insert(at, {.title = g.name, .points = {}, .colour = static_cast<int>(plot.curves.size())});
      at->points.emplace_back(static_cast<double>(step.step), value(g));
    }
  return plot;
}

}  // namespace

std::vector<Plot> learning_plots(std::span<const RunData> runs) {
  Plot loss{.title = "loss", .y = {}, .curves = {}, .from_zero = true},
      accuracy{.title = "accuracy in %", .y = {}, .curves = {}, .to_hundred = true},
      steps{.title = "training loss by step", .x = "step", .y = {}, .curves = {}, .log_y = true};
  int colour = 0;
  for (const RunData& run : runs) {
    const std::string prefix = runs.size() > 1 ? run.name + ", " : std::string();
    const auto add = [&](Plot& plot, Curve curve, bool dashed, int own) {
      curve.dashed = dashed;
      curve.colour = runs.size() > 1 ? colour : own;
      plot.curves.push_back(std::move(curve));
    };
    add(loss, over_epochs(run, prefix + "training", [](const EpochResult& e) { return e.train_loss; }), true, 0);
    add(loss, over_epochs(run, prefix + run.log.judged_on, [](const EpochResult& e) { return e.judged_loss; }), false,
        1);
    add(accuracy, over_epochs(run, prefix + "training", [](const EpochResult& e) { return 100 * e.train_accuracy; }),
        true, 0);
    add(accuracy,
        over_epochs(run, prefix + run.log.judged_on, [](const EpochResult& e) { return 100 * e.judged_accuracy; }),
        false, 1);
    Curve raw{.title = {}, .points = {}, .faint = true};
    for (const StepResult& step : run.log.steps) raw.points.emplace_back(static_cast<double>(step.step), step.loss);
    Curve mean{.title = prefix + "running mean", .points = smooth(raw.points)};
    if (runs.size() == 1) add(steps, raw, false, 0);
    add(steps, mean, false, 0);
    ++colour;
  }
  return {loss, accuracy, steps};
}

std::vector<Plot> group_plots(const RunData& run) {
  std::vector<Plot> plots{by_group(run, "learning rate", [](const GroupMeasure& g) { return g.lr; }),
                          by_group(run, "shrink: share of the weights that decay takes in a step",
                                   [](const GroupMeasure& g) { return g.shrink; }),
                          by_group(run, "norm of the weights", [](const GroupMeasure& g) { return g.weight_norm; }),
                          by_group(run, "norm of the gradient", [](const GroupMeasure& g) { return g.gradient_norm; })};
  for (Curve& curve : plots.back().curves) curve.points = smooth(curve.points);
  plots.back().log_y = true;
  plots.back().from_zero = false;
  plots.back().title += ", running mean";
  return plots;
}

}  // namespace ebb
