#include "lab/reports/curves.h"

#include <algorithm>
#include <cmath>

#include "lab/reports/figures.h"

namespace ebb {
namespace {

using Scale = AxisOptions::Scale;

constexpr const char* nats = "cross-entropy in nats";
constexpr std::size_t few = 50;  // points that need no mean to be read
constexpr AxisOptions loss_axis{.from_zero = true, .settled = true};
constexpr AxisOptions percent_axis{.most = 100, .settled = true};

// "Test loss" of "test".
std::string titled(std::string evaluated_on, const char* what) {
  if (!evaluated_on.empty() && evaluated_on[0] >= 'a' && evaluated_on[0] <= 'z') evaluated_on[0] -= 'a' - 'A';
  return evaluated_on + what;
}

}  // namespace

Points smooth(const Points& points) {
  Points out;
  const double stay = 1 - 1 / std::max(1.0, static_cast<double>(points.size()) / 50);
  double mean = 0, weight = 0;
  for (const auto& [x, y] : points) {
    if (std::isfinite(y)) {
      mean = stay * mean + (1 - stay) * y;
      weight = stay * weight + (1 - stay);
    }
    if (weight > 0) out.emplace_back(x, std::isfinite(y) ? mean / weight : y);
  }
  return out;
}

Points over_epochs(const RunData& run, const EpochQuantity& quantity) {
  Points out;
  for (const EpochResult& epoch : run.log.epochs)
    // Without an evaluation there is no accuracy either; a loss can be there and not finite.
    if (!quantity.evaluated || std::isfinite(epoch.evaluation_accuracy))
      out.emplace_back(static_cast<double>(epoch.epoch), quantity.value(epoch));
  return out;
}

Points over_steps(const RunData& run, const std::string& group, const GroupQuantity& quantity) {
  Points out;
  for (const StepResult& step : run.log.steps) {
    const auto at = std::ranges::find(step.groups, group, &GroupMeasure::name);
    if (at != step.groups.end()) out.emplace_back(static_cast<double>(step.step), quantity.value(*at));
  }
  return quantity.noisy ? smooth(out) : out;
}

std::vector<EpochQuantity> epoch_quantities(const std::string& evaluated_on) {
  return {
      {{.title = titled(evaluated_on, " accuracy"), .unit = "in %", .curves = {}, .y_axis = percent_axis},
       [](const EpochResult& e) { return 100 * e.evaluation_accuracy; },
       true},
      {{.title = titled(evaluated_on, " loss"), .unit = nats, .curves = {}, .y_axis = loss_axis},
       [](const EpochResult& e) { return e.evaluation_loss; },
       true},
      {{.title = "Training accuracy", .unit = "in %", .curves = {}, .y_axis = percent_axis},
       [](const EpochResult& e) { return 100 * e.train_accuracy; }},
      {{.title = "Training loss", .unit = nats, .curves = {}, .y_axis = loss_axis},
       [](const EpochResult& e) { return e.train_loss; }},
  };
}

std::vector<GroupQuantity> group_quantities() {
  return {
      {{.title = "Learning rate",
        .unit = "of the group in a step",
        .x = "step",
        .curves = {},
        .y_axis = {.from_zero = true}},
       [](const GroupMeasure& g) { return g.lr; }},
      {{.title = shrink_title,
        .unit = "share of the weights that decay takes off in a step",
        .x = "step",
        .curves = {},
        .y_axis = {.from_zero = true}},
       [](const GroupMeasure& g) { return g.shrink; }},
      {{.title = "Weight norm",
        .unit = "norm of all weights of the group",
        .x = "step",
        .curves = {},
        .y_axis = {.scale = Scale::automatic}},
       [](const GroupMeasure& g) { return g.weight_norm; }},
      {{.title = "Gradient norm",
        .unit = "norm of the group’s gradient before clipping, running mean",
        .x = "step",
        .curves = {},
        .y_axis = {.scale = Scale::automatic}},
       [](const GroupMeasure& g) { return g.gradient_norm; },
       true},
  };
}

std::vector<std::string> group_names(std::span<const RunData> runs) {
  constexpr std::size_t most = 24;
  std::vector<std::string> names;
  for (const RunData& run : runs)
    for (const StepResult& step : run.log.steps)
      for (const GroupMeasure& group : step.groups)
        if (names.size() < most && std::ranges::find(names, group.name) == names.end()) names.push_back(group.name);
  return names;
}

std::vector<Plot> learning_plots(const RunData& run) {
  const std::vector<EpochQuantity> all = epoch_quantities(run.log.evaluated_on);
  const auto together = [&](const char* title, const EpochQuantity& evaluated, const EpochQuantity& training) {
    Plot plot = evaluated.plot;
    plot.title = title;
    plot.curves = {{.title = "training", .points = over_epochs(run, training), .dashed = true},
                   {.title = run.log.evaluated_on, .points = over_epochs(run, evaluated), .colour = "var(--c1)"}};
    return plot;
  };
  Plot steps{
      .title = "Training loss by step", .unit = nats, .x = "step", .curves = {}, .y_axis = {.scale = Scale::automatic}};
  Curve raw{.title = "batch", .points = {}};
  for (const StepResult& step : run.log.steps) raw.points.emplace_back(static_cast<double>(step.step), step.loss);
  raw.faint = raw.points.size() > few;
  steps.curves = {raw};
  if (raw.faint) steps.curves.push_back({.title = "running mean", .points = smooth(raw.points)});
  return {together("Accuracy", all[0], all[2]), together("Loss", all[1], all[3]), steps};
}

std::vector<Plot> group_plots(const RunData& run) {
  const std::vector<std::string> names = group_names({&run, 1});
  std::vector<Plot> plots;
  for (const GroupQuantity& quantity : group_quantities()) {
    Plot plot = quantity.plot;
    for (std::size_t i = 0; i < names.size(); ++i)
      plot.curves.push_back({.title = names[i],
                             .points = over_steps(run, names[i], quantity),
                             .colour = html::series_colour(i, names.size())});
    plots.push_back(plot);
  }
  return plots;
}

}  // namespace ebb
