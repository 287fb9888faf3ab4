#include "lab/study/figures.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "framework/tensor/error.h"
#include "lab/format/numbers.h"
#include "lab/reports/figures.h"
#include "lab/study/number_text.h"
#include "lab/study/statistics.h"

namespace ebb {
namespace {

using Points = std::vector<std::pair<double, double>>;

// The mean of the pairs at each step, and all their points.
std::pair<Points, Points> mean_and_all(const Results& results, const CourseOptions& options,
                                       const std::string& measure) {
  std::map<double, std::pair<double, int>> sums;
  Points all, mean;
  const auto place = [&](double step) { return options.at ? options.at(step) : step * options.step; };
  for (const std::uint64_t pair : results.pairs())
    for (const auto& [step, value] : results.series(measure, options.arm, pair)) {
      all.emplace_back(place(step), value);
      auto& [sum, count] = sums[step];
      sum += value, ++count;
    }
  for (const auto& [step, of] : sums) mean.emplace_back(place(step), of.first / of.second);
  return {mean, all};
}

// Of points (predicted, measured) about the diagonal.
std::string agreement(const Points& points) {
  double mean = 0, missed = 0, spread = 0;
  std::vector<double> errors;
  for (const auto& [x, y] : points) mean += y / static_cast<double>(points.size());
  for (const auto& [x, y] : points) {
    missed += (y - x) * (y - x), spread += (y - mean) * (y - mean);
    errors.push_back(std::abs(y / x - 1));
  }
  const auto middle = errors.begin() + static_cast<std::ptrdiff_t>(errors.size() / 2);
  std::nth_element(errors.begin(), middle, errors.end());
  return text("R^2 ", significant(1 - missed / spread, 3), ", median error ", percent(*middle, 1));
}

// The interval of what stands at `mean`, of the values beside it: of their mean or their geometric mean. One number for
// both ends where it is neither.
Interval interval_at(double mean, std::vector<double> values) {
  const auto is = [&](double number) { return std::abs(number - mean) <= 1e-9 * (std::abs(mean) + std::abs(number)); };
  if (values.size() < 2 || !std::ranges::all_of(values, [](double v) { return std::isfinite(v); }))
    return {mean, mean, mean};
  if (is(mean_of(values))) return mean_interval(values);
  if (!std::ranges::all_of(values, [](double v) { return v > 0; })) return {mean, mean, mean};
  for (double& value : values) value = std::log(value);
  if (!is(std::exp(mean_of(values)))) return {mean, mean, mean};
  const Interval logs = mean_interval(values);
  return {mean, std::exp(logs.low), std::exp(logs.high)};
}

void add_intervals(Curve& mean, const Curve& single) {
  if (mean.faint || !mean.band.empty()) return;
  std::map<double, std::vector<double>> at;
  for (const auto& [x, y] : single.points) at[x].push_back(y);
  for (const auto& [x, y] : mean.points) {
    const auto found = at.find(x);
    if (found == at.end()) continue;
    const Interval interval = interval_at(y, found->second);
    if (interval.low < interval.high) mean.band.push_back({x, interval.low, interval.high});
  }
}

std::string how_to_read(const Plot& plot, std::size_t pairs) {
  const auto is_single = [](const Curve& c) { return c.faint && c.dots; };
  const auto has = [&](bool bars) {
    return std::ranges::any_of(plot.curves, [=](const Curve& c) { return !c.band.empty() && has_bars(c) == bars; });
  };
  std::string out;
  if (std::ranges::any_of(plot.curves, is_single)) out = "Pale dots: single pairs. ";
  const bool bars = has(true), areas = has(false);
  if (bars || areas)
    out += text(bars ? "Bars" : "",
                bars && areas ? " and p"
                : areas       ? "P"
                              : "",
                areas ? "ale areas" : "", ": 95 % interval of the mean over ", pairs, " pairs. ");
  if (!out.empty()) out.pop_back();
  return out;
}

}  // namespace

Plot with_intervals(Plot plot, std::size_t pairs) {
  for (std::size_t i = 0; i + 1 < plot.curves.size(); ++i)
    if (plot.curves[i].faint && plot.curves[i].dots) add_intervals(plot.curves[i + 1], plot.curves[i]);
  if (plot.note.empty()) plot.note = how_to_read(plot, pairs);
  return plot;
}

std::vector<Curve> course(const Results& results, const CourseOptions& options) {
  const auto [mean, all] = mean_and_all(results, options, options.measured);
  // Beside a prediction the mean is dots: a line would cover the dashes that it agrees with.
  const bool dots = options.dots || !options.predicted.empty();
  std::vector<Curve> out{{.title = {}, .points = all, .faint = true, .dots = true, .colour = options.colour},
                         {.title = options.title, .points = mean, .dots = dots, .colour = options.colour}};
  if (!options.predicted.empty())
    out.push_back({.title = options.title + ", predicted",
                   .points = mean_and_all(results, options, options.predicted).first,
                   .dashed = true,
                   .colour = options.colour});
  return out;
}

Plot series_over_levels(Plot plot, const Results& results, const std::string& factor,
                        const std::vector<LevelSeries>& series, double apart) {
  plot.x_names = results.levels(factor);
  for (std::size_t number = 0; number < series.size(); ++number) {
    const LevelSeries& one = series[number];
    const std::string shade = text("var(--c", number, ')');
    Curve dots{.title = {}, .points = {}, .faint = true, .dots = true, .colour = shade};
    Curve mean{.title = one.title, .points = {}, .dots = !one.line, .colour = shade};
    const double beside = apart * (static_cast<double>(number) - static_cast<double>(series.size() - 1) / 2);
    for (std::size_t level = 0; level < plot.x_names.size(); ++level) {
      Arm arm = one.arm;
      arm[factor] = plot.x_names[level];
      if (!results.has(one.measured, arm)) continue;
      const std::vector<double> values = results.values(one.measured, arm);
      const double x = static_cast<double>(level) + beside;
      for (const double value : values) dots.points.emplace_back(x, value);
      mean.points.emplace_back(x, mean_or_nan(values));
    }
    plot.curves.push_back(std::move(dots)), plot.curves.push_back(std::move(mean));
  }
  return plot;
}

Plot over_levels(Plot plot, const Results& results, const std::string& factor, const std::vector<std::string>& measures,
                 double apart) {
  std::vector<LevelSeries> series;
  for (const std::string& measure : measures) series.push_back({.title = measure, .measured = measure, .arm = {}});
  return series_over_levels(std::move(plot), results, factor, series, apart);
}

Plot over_first_level(Plot plot, const Results& results, const std::string& factor,
                      const std::vector<std::string>& measures, double apart) {
  plot = over_levels(std::move(plot), results, factor, measures, apart);
  plot.y_axis = {.scale = AxisOptions::Scale::log};
  for (std::size_t number = 0; number < measures.size(); ++number) {
    const std::vector<double> first = results.values(measures[number], {{factor, plot.x_names[0]}});
    Curve &dots = plot.curves[2 * number], &mean = plot.curves[2 * number + 1];
    for (std::size_t level = 0; level < plot.x_names.size(); ++level) {
      double sum = 0;
      for (std::size_t k = 0; k < first.size(); ++k) {
        double& value = dots.points.at(level * first.size() + k).second;
        value /= first[k];
        sum += std::log(value) / static_cast<double>(first.size());
      }
      mean.points[level].second = std::exp(sum);
    }
  }
  return plot;
}

Plot side_by_side(Plot plot, const std::vector<Contrast>& contrasts, double margin) {
  Curve dots{.title = {}, .points = {}, .faint = true, .dots = true},
      mean{.title = "mean of the pairs", .points = {}, .dots = true};
  for (const Contrast& contrast : contrasts) {
    const auto x = static_cast<double>(plot.x_names.size());
    for (const double difference : contrast.differences) dots.points.emplace_back(x, difference);
    mean.points.emplace_back(x, mean_or_nan(contrast.differences));
    plot.x_names.push_back(contrast.name);
  }
  const double last = static_cast<double>(contrasts.size()) - 0.6;
  const auto level = [=](double at, std::string title) {
    return Curve{
        .title = std::move(title), .points = {{-0.4, at}, {last, at}}, .dashed = true, .colour = "var(--muted)"};
  };
  plot.curves = {dots, mean, level(0, margin > 0 ? "no difference, and the margin of equivalence" : "no difference")};
  if (margin > 0) plot.curves.push_back(level(margin, {})), plot.curves.push_back(level(-margin, {}));
  return plot;
}

Plot against_prediction(Plot plot, const Results& results, const std::vector<Scatter>& points) {
  Points all;
  std::size_t colour = 0;
  for (const Scatter& scatter : points) {
    const std::vector<double> measured = results.every(scatter.measured, scatter.arm);
    const std::vector<double> predicted = results.every(scatter.predicted, scatter.arm);
    if (measured.size() != predicted.size())
      fail(scatter.predicted, text(predicted.size(), " numbers"), text(measured.size(), ", as of ", scatter.measured));
    Curve curve{
        .title = scatter.title, .points = {}, .dots = true, .colour = html::series_colour(colour++, points.size())};
    for (std::size_t i = 0; i < measured.size(); ++i) curve.points.emplace_back(predicted[i], measured[i]);
    all.insert(all.end(), curve.points.begin(), curve.points.end());
    plot.curves.push_back(std::move(curve));
  }
  std::erase_if(all, [](const auto& p) { return !(p.first > 0) || !std::isfinite(p.first + p.second); });
  if (all.empty()) return plot;
  double low = INFINITY, high = -INFINITY;
  for (const auto& [x, y] : all) low = std::min({low, x, y}), high = std::max({high, x, y});
  plot.curves.push_back(
      {.title = "as predicted", .points = {{low, low}, {high, high}}, .dashed = true, .colour = "var(--muted)"});
  plot.title += ": " + agreement(all);
  plot.note = "A dot for each pair and arm.";
  plot.x_axis.whole = false;
  plot.x_axis.scale = plot.y_axis.scale = AxisOptions::Scale::automatic;
  return plot;
}

}  // namespace ebb
