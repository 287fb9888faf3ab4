#include "lab/reports/comparison_curves.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "lab/format/numbers.h"
#include "lab/reports/curves.h"

namespace ebb {
namespace {

// The runs' curves as one: where they have the same x, their mean and their range.
Curve together(const Condition& condition, const std::vector<Points>& of_runs) {
  std::map<double, std::vector<double>> values;
  for (const Points& points : of_runs)
    for (const auto& [x, y] : points) values[x].push_back(y);
  Curve out{.title = condition.label, .points = {}, .colour = condition.colour};
  for (const auto& [x, of_x] : values) {
    const Spread spread = spread_of(of_x);
    out.points.emplace_back(x, spread.mean);
    if (spread.count > 1) out.band.push_back({x, spread.least, spread.largest});
  }
  return out;
}

bool always_zero(const Plot& plot) {
  return std::ranges::all_of(plot.curves, [](const Curve& curve) {
    return std::ranges::all_of(curve.points, [](const auto& point) { return point.second == 0; });
  });
}

std::optional<double> test_accuracy(const RunData& run) {
  return run.evaluation ? std::optional(100 * run.evaluation->accuracy) : std::nullopt;
}
std::optional<double> test_loss(const RunData& run) {
  return run.evaluation ? std::optional(run.evaluation->loss) : std::nullopt;
}

Plot by_key(const Conditions& conditions, Plot plot, const RunValue& value) {
  plot.x = conditions.keys.front();
  Curve means{.title = "mean", .points = {}, .dashed = true, .colour = "var(--axis)"};
  std::vector<Curve> dots;
  for (const Condition& c : conditions.all) {
    const auto x = static_cast<double>(plot.x_names.size());
    plot.x_names.push_back(c.values.front());
    means.points.emplace_back(x, spread_of(c, value).mean);
    dots.push_back({.title = c.label, .points = {}, .dots = true, .colour = c.colour});
    for (const RunData* const run : c.runs)
      if (const std::optional<double> number = value(*run)) dots.back().points.emplace_back(x, *number);
  }
  plot.curves.push_back(means);
  std::ranges::copy(dots, std::back_inserter(plot.curves));
  return plot;
}

}  // namespace

std::vector<Plot> compared_learning(const Conditions& conditions, std::span<const RunData> runs) {
  const bool same = std::ranges::all_of(
      runs, [&](const RunData& run) { return run.log.evaluated_on == runs.front().log.evaluated_on; });
  std::vector<Plot> plots;
  for (const EpochQuantity& quantity : epoch_quantities(same ? runs.front().log.evaluated_on : "evaluation")) {
    Plot plot = quantity.plot;
    for (const Condition& condition : conditions.all) {
      std::vector<Points> of_runs;
      for (const RunData* const run : condition.runs) of_runs.push_back(over_epochs(*run, quantity));
      plot.curves.push_back(together(condition, of_runs));
    }
    plots.push_back(plot);
  }
  return plots;
}

std::vector<Plot> compared_group(const Conditions& conditions, const std::string& name) {
  std::vector<Plot> plots;
  for (const GroupQuantity& quantity : group_quantities()) {
    Plot plot = quantity.plot;
    for (const Condition& condition : conditions.all) {
      std::vector<Points> of_runs;
      for (const RunData* const run : condition.runs) of_runs.push_back(over_steps(*run, name, quantity));
      plot.curves.push_back(together(condition, of_runs));
    }
    if (!always_zero(plot)) plots.push_back(plot);
  }
  return plots;
}

bool same_curves(const Plot& a, const Plot& b) {
  return a.title == b.title && std::ranges::equal(a.curves, b.curves, {}, &Curve::points, &Curve::points);
}

std::vector<Plot> results_by_key(const Conditions& conditions) {
  const bool numbers = std::ranges::all_of(
      conditions.all, [](const Condition& c) { return c.values.size() == 1 && number_in(c.values[0]); });
  if (!numbers || conditions.all.size() < 3) return {};
  return {by_key(conditions, {.title = "Test accuracy", .unit = "in %", .curves = {}, .y_axis = {.most = 100}},
                 test_accuracy),
          by_key(conditions, {.title = "Test loss", .unit = "cross-entropy in nats", .curves = {}}, test_loss)};
}

}  // namespace ebb
