// What decay did, by a run's diagnosis.
#include <algorithm>
#include <cmath>
#include <optional>

#include "framework/tensor/error.h"
#include "lab/format/numbers.h"
#include "lab/reports/at_rest.h"
#include "lab/reports/decay_words.h"
#include "lab/reports/figures.h"
#include "lab/reports/run_sections.h"

namespace ebb {
namespace {

using html::escape;
using Line = DiagnosisRow;
using Lines = std::vector<const Line*>;

Lines rows_where(const RunData& run, const auto& holds) {
  Lines out;
  for (const Line& row : run.diagnosis)
    if (holds(row)) out.push_back(&row);
  return out;
}

double median(const Lines& rows, const auto& value) {
  std::vector<double> all;
  for (const Line* const row : rows) all.push_back(value(*row));
  return spread_of_channels(std::move(all)).median;
}

std::string where_it_acts(const Lines& last) {
  Counted filters, function, rest;
  // Of one scale of several tensors a part alone is felt.
  const bool parted = std::ranges::any_of(last, [](const Line* row) { return row->joint > 1 && !(row->lambda > 0); });
  const auto ignored = [&](const Line& row) { return row.position == "feeds_norm" && !(parted && row.joint > 1); };
  for (const Line* const row : last) (!(row->lambda > 0) ? rest : ignored(*row) ? filters : function).add(row->values);
  return where_decay_acts(filters, function, rest);
}

// "0.9 (0.8 to 1 by layer)": the median of the layers, and the smallest and largest where there are several.
std::string over_layers(const Lines& layers, int digits, const char* unit, const auto& value) {
  const auto [low, high] = std::ranges::minmax_element(layers, {}, [&](const Line* r) { return value(*r); });
  const auto shown = [&](double number) { return significant(number, digits) + unit; };
  const std::string least = shown(value(**low)), most = shown(value(**high)), middle = shown(median(layers, value));
  return least == most ? middle : text(middle, " (", least, " to ", most, " by layer)");
}

// Layers that are not at rest, each with the reason.
std::string why_they_move(const std::vector<Line>& layers) {
  constexpr std::size_t most = 5;
  std::string out = "Not at rest at the end: ";
  for (std::size_t i = 0; i < std::min(most, layers.size()); ++i) {
    const double drift = std::abs(layers[i].drift);
    out += text(i > 0 ? ", " : "", escape(layers[i].parameter), " (",
                drift > rest_drift ? significant(drift, 3) : std::string("too few steps"), ")");
  }
  if (layers.size() > most) out += text(" and ", layers.size() - most, " more");
  return text(out, ". In brackets: by what share of itself |w|² drifts in a relaxation time; at most ",
              significant(rest_drift, 2), " over such a time counts as rest. ");
}

std::string relaxation_in_words(double steps) {
  return text("the relaxation time, in which 63 % of a distance from it goes, is ", whole(steps), " steps");
}

// Whether filters are, or were, where decay takes what updates add to their norm.
std::string when_at_rest(const AtRest& rest, const Lines& filters) {
  const std::size_t resting = filters.size() - rest.moving.size();
  const std::string relaxation = relaxation_in_words(
      rest.peak ? rest.peak->relaxation : median(filters, [](const Line& r) { return r.relaxation; }));
  if (rest.peak)
    return text("The learning rate fell from ", significant(rest.peak->lr, 2), " to ", significant(rest.last_lr, 2),
                ", faster than filters, the weights in front of a norm, can follow: at the end ", resting, " of ",
                filters.size(), " layers are at equilibrium, where decay takes what updates add to their norm. At the ",
                "peak ", relaxation, ", and the run had ", whole(static_cast<double>(rest.peak->steps)),
                " steps near it. ");
  if (rest.until > 0)
    return text("Filters, the weights in front of a norm, were at equilibrium from epoch ", rest.since, " to ",
                rest.until, ": decay took what updates added to their norm; ", relaxation,
                ". Then the learning rate fell from ", significant(rest.until_lr, 2), " to ",
                significant(rest.last_lr, 2), ", faster than they follow: at the end ", resting, " of ", filters.size(),
                " layers are. ");
  if (rest.since > 0)
    return text("Filters, the weights in front of a norm, are at equilibrium since epoch ", rest.since,
                ": decay takes what updates add to their norm; ", relaxation, ". ");
  return text(resting, " of ", filters.size(),
              " layers of filters, the weights in front of a norm, are at equilibrium, ",
              "where decay takes what updates add to their norm",
              4 * resting >= 3 * filters.size() ? ", too few or too briefly to name an epoch since when" : "",
              "; at these settings ", relaxation, ". ");
}

// Layers at rest whose norm is far from the predicted one.
std::string off_the_prediction(const Lines& filters) {
  constexpr double far = 0.2;
  constexpr std::size_t most = 5;
  std::string out;
  std::size_t count = 0;
  for (const Line* const row : filters) {
    if (!row->at_rest || !(std::abs(row->norm_ratio.median - 1) > far) || ++count > most) continue;
    out += text(count > 1 ? ", " : "", escape(row->parameter), " (", significant(row->norm_ratio.median, 3), ")");
  }
  if (count == 0) return {};
  if (count > most) out += text(" and ", count - most, " more");
  return text(" At rest, but more than ", percent(far, 0), " from the predicted norm: ", out,
              ". Something that the formula takes for granted does not hold there, such as gradients that do not "
              "depend on the ones before.");
}

// What the effective learning rate is: lr / |w|, where updates have a size of their own, or lr / |w|².
const char* effective_lr_formula(const Lines& filters) {
  const auto away = [&](double power) {
    return median(filters, [=](const Line& r) {
      return std::abs(std::log(r.effective_lr.median * std::pow(r.norm.median, power) / r.lr));
    });
  };
  return away(1) < away(2) ? "lr / |w|" : "lr / |w|²";
}

std::string where_filters_are(const AtRest& rest, const Lines& filters) {
  if (filters.empty())
    return "No decayed weight in front of a norm has a predicted equilibrium, so none is compared with one.";
  const double rate = median(filters, [](const Line& r) { return r.effective_lr.median; });
  const bool past = rest.until > 0;
  std::string out = when_at_rest(rest, filters);
  if (!past && !rest.moving.empty()) out += why_they_move(rest.moving);
  const char* const time = rest.peak ? " near the peak" : past ? " of that time" : "";
  out += rest.windows > 1 ? text("On average over the last ", whole(static_cast<double>(rest.windows)), " windows",
                                 time, ", ", whole(static_cast<double>(rest.steps)), " steps,")
                          : text("In the last window", time);
  return text(out, past ? " they were at " : " they are at ",
              over_layers(filters, 3, "", [](const Line& r) { return r.norm_ratio.median; }),
              past ? " times the predicted norm and turned by " : " times the predicted norm and turn by ",
              over_layers(filters, 2, "°", [](const Line& r) { return r.angle.median; }), " a step, where ",
              over_layers(filters, 2, "°", [](const Line& r) { return r.predicted_angle; }),
              past ? " was predicted; the effective learning rate of their directions was "
                   : " is predicted; the effective learning rate of their directions is ",
              effective_lr_formula(filters), " = ", significant(rate, 2), past ? "." : " at the end.",
              off_the_prediction(filters));
}

// The norm of a parameter before the first step, by the audit; nothing where there is none.
std::optional<double> norm_at_first(const RunData& run, const Line& row) {
  if (run.audit)
    for (const AuditRow& start : run.audit->rows) {
      if (start.path != row.parameter || !std::isfinite(start.norm)) continue;
      return start.norm * std::sqrt(start.granularity == "whole" ? 1 : static_cast<double>(row.channels));
    }
  return {};
}

std::string what_became_of_the_head(const RunData& run, const Lines& last) {
  const auto head =
      std::ranges::find_if(last, [](const Line* r) { return r->position == "head" && r->role == "weight"; });
  if (head == last.end()) return {};
  const Line& end = **head;
  const std::optional<double> start = norm_at_first(run, end);
  const double from = start ? *start : std::ranges::find(run.diagnosis, end.parameter, &Line::parameter)->whole_norm;
  const std::string norm = text("the norm of ", escape(end.parameter), " went from ", significant(from, 3),
                                start ? "" : " in the first window", " to ", significant(end.whole_norm, 3));
  if (!(end.lambda > 0) || !std::isfinite(end.left)) return text("The head: ", norm, ".");
  return text(
      "Without gradients decay would have taken ", share_in_words(1 - end.left), " off the head; with them ", norm,
      end.whole_norm > from ? ": they put back more than decay took." : ": decay took more than they put back.");
}

std::string what_doubling_does(const AtRest& rest, const Lines& filters) {
  if (filters.empty()) return {};
  const auto norm = [&](double Line::*member) {
    return over_layers(filters, 3, "", [=](const Line& r) { return r.*member; });
  };
  const auto degrees = [&](double Line::*angle) {
    return over_layers(filters, 2, "°", [=](const Line& r) { return r.*angle; });
  };
  const bool follows = follows_gradients(median(filters, [](const Line& r) { return r.predicted_norm; }),
                                         median(filters, [](const Line& r) { return r.doubled_norm; }));
  const char* const when = rest.peak        ? "Near the peak of the learning rate, at "
                           : rest.until > 0 ? "At the learning rate of that time, "
                                            : "At the learning rate of the last windows, ";
  return text(
      when, significant(median(filters, [](const Line& r) { return r.lr; }), 2),
      rest.until > 0 && !rest.peak && rest.windows > 1 ? " on average" : "",
      ", filters at rest would with every lambda doubled turn by ", degrees(&Line::doubled_angle),
      " a step in place of the predicted ", degrees(&Line::predicted_angle),
      " (measured: ", significant(median(filters, [](const Line& r) { return r.angle.median; }), 2),
      "°) and rest at a norm of ", norm(&Line::doubled_norm), " in place of the predicted ",
      norm(&Line::predicted_norm),
      " (measured: ", significant(median(filters, [](const Line& r) { return r.norm.median; }), 3), "); ",
      !follows         ? std::string("the norm does not depend on the size of gradients, by which updates are divided")
      : rest.until > 0 ? text("the norm assumes gradients as they were in epoch ", rest.until)
                       : std::string("the norm assumes gradients as they were measured last"),
      ". Expect, layer by layer, what is measured then over what is foretold here to have a median within 10 % of 1 in "
      "rotation and within 20 % of 1 in norm, since a network that decays more also learns otherwise; single layers "
      "may "
      "be further off.");
}

// A curve for each parameter, and its prediction dashed in the same colour.
Plot course(const RunData& run, const std::vector<std::string>& names, Plot plot, double (*value)(const Line&),
            double (*predicted)(const Line&)) {
  plot.x = "update";
  for (std::size_t i = 0; i < names.size(); ++i) {
    Curve measured{.title = names[i], .points = {}, .colour = html::series_colour(i, names.size())};
    Curve wanted{.title = {}, .points = {}, .dashed = true, .colour = measured.colour};
    for (const Line& row : run.diagnosis) {
      if (row.parameter != names[i]) continue;
      measured.points.emplace_back(static_cast<double>(row.step), value(row));
      if (predicted != nullptr && std::isfinite(predicted(row)))
        wanted.points.emplace_back(static_cast<double>(row.step), predicted(row));
    }
    plot.curves.push_back(std::move(measured));
    if (!wanted.points.empty()) plot.curves.push_back(std::move(wanted));
  }
  // What is predicted for a learning rate near zero would flatten all that was measured.
  double highest = 0;
  for (const Curve& curve : plot.curves)
    for (const auto& point : curve.points)
      if (!curve.dashed) highest = std::max(highest, point.second);
  for (Curve& curve : plot.curves)
    if (curve.dashed) std::erase_if(curve.points, [&](const auto& point) { return point.second > 1.5 * highest; });
  std::erase_if(plot.curves, [](const Curve& curve) { return curve.points.empty(); });
  return plot;
}

std::vector<std::string> names_of(const Lines& rows) {
  constexpr std::size_t most = 24;
  std::vector<std::string> out;
  for (const Line* const row : rows)
    if (out.size() < most) out.push_back(row->parameter);
  return out;
}

std::string panel_of(const std::vector<std::string>& names, const std::vector<Plot>& plots) {
  std::vector<html::LegendEntry> legend;
  for (std::size_t i = 0; i < names.size(); ++i)
    legend.push_back({.label = names[i], .detail = {}, .colour = html::series_colour(i, names.size())});
  return html::panel(legend, plots);
}

// Which windows the points of scatter() are of.
std::string when_measured(const AtRest& rest) {
  const std::string of = rest.windows > 1 ? text("mean of ", rest.windows, " windows ") : std::string();
  if (rest.until == 0) return text("Norm, ", of, "at the end");
  return text("Norm, ", of, rest.peak ? "near the peak, to epoch " : "at equilibrium, to epoch ", rest.until);
}

// Predicted against measured norm, a point for each layer, and the diagonal; how far off they are where layers are at
// rest.
std::string scatter(const Lines& filters, const AtRest& rest) {
  Curve dots{.title = "layer", .points = {}, .dots = true};
  std::vector<double> errors;
  double mean = 0, off = 0, spread = 0, low = INFINITY, high = 0;
  std::int64_t settled = 0;
  for (const Line* const r : filters)
    if (r->at_rest) mean += std::log(r->norm.median), ++settled;
  mean /= static_cast<double>(settled);
  for (const Line* const r : filters) {
    dots.points.emplace_back(r->predicted_norm, r->norm.median);
    low = std::min({low, r->predicted_norm, r->norm.median});
    high = std::max({high, r->predicted_norm, r->norm.median});
    if (!r->at_rest) continue;
    errors.push_back(std::abs(r->norm_ratio.median - 1));
    off += std::pow(std::log(r->norm.median / r->predicted_norm), 2);
    spread += std::pow(std::log(r->norm.median) - mean, 2);
  }
  Plot plot{.title = when_measured(rest), .unit = "measured", .x = "predicted", .curves = {dots}, .x_axis = {}};
  plot.curves.push_back(
      {.title = "equal", .points = {{low, low}, {high, high}}, .dashed = true, .colour = "var(--axis)"});
  if (settled == 0) return html::figures({plot});
  std::string line = text("<p>Median relative error of the predicted norm over the ",
                          settled == 1 ? std::string("one layer") : text(settled, " layers"),
                          " at rest: ", percent(spread_of_channels(errors).median, 1));
  if (spread > 1e-12) line += text("; R² of its logarithm: ", decimal(1 - off / spread, 2));
  return html::figures({plot}) + line + ".</p>\n";
}

// The numbers of the sentences, layer by layer.
std::string by_layer(const Lines& filters) {
  std::vector<std::vector<std::string>> cells;
  for (const Line* const r : filters)
    cells.push_back({escape(r->parameter), significant(r->angle.median, 3) + "°",
                     significant(r->predicted_angle, 3) + "°", significant(r->norm.median, 3),
                     significant(r->predicted_norm, 3), significant(r->norm_ratio.median, 3),
                     r->at_rest ? "yes" : "no"});
  return html::details("layer by layer", html::table({"parameter", "turns a step", "predicted", "norm", "predicted",
                                                      "norm / predicted", "at rest"},
                                                     cells, "layers"));
}

// What a window is.
std::string what_a_window_is(const RunData& run) {
  std::int64_t before = 0, longest = 0, fewest = run.diagnosis.front().measured, most = 0;
  for (const Line& row : run.diagnosis) {
    longest = std::max(longest, row.step - before);
    before = row.step;
    fewest = std::min(fewest, row.measured);
    most = std::max(most, row.measured);
  }
  return text("<p class=\"small\">A window is what stands between two points of the curves: here ", grouped(longest),
              " updates at most, of which ", fewest == most ? text(most) : text(fewest, " to ", most),
              " are measured. Numbers are medians of the channels.</p>\n");
}

}  // namespace

html::Section diagnosis_section(const RunData& run) {
  if (run.diagnosis.empty()) return {};
  const std::int64_t end = run.diagnosis.back().step;
  const Lines last = rows_where(run, [&](const Line& r) { return r.step == end; });
  const Lines filters = rows_where(run, [&](const Line& r) { return r.step == end && has_equilibrium(r); });
  const AtRest rest = at_rest(run.diagnosis);
  Lines settled;
  for (const Line& row : rest.layers) settled.push_back(&row);
  const Lines scales = rows_where(run, [&](const Line& r) { return r.step == end && r.role == "norm_scale"; });
  std::string out;
  for (const std::string& sentence : {where_filters_are(rest, settled), what_became_of_the_head(run, last),
                                      where_it_acts(last), what_doubling_does(rest, settled)})
    if (!sentence.empty()) out += text("<p>", sentence, "</p>\n");
  out += what_a_window_is(run);
  if (!filters.empty()) {
    const std::vector<std::string> names = names_of(filters);
    out += panel_of(
        names,
        {course(
             run, names, {.title = "Norm", .unit = "|w|, median of the channels; predicted: dashed", .curves = {}},
             [](const Line& r) { return r.norm.median; }, [](const Line& r) { return r.predicted_norm; }),
         course(
             run, names,
             {.title = "Rotation",
              .unit = "degrees a step; predicted: dashed",
              .curves = {},
              .y_axis = {.settled = true}},
             [](const Line& r) { return r.angle.median; }, [](const Line& r) { return r.predicted_angle; }),
         course(
             run, names,
             {.title = "Relative gradient",
              .unit = "|g| / |w|; predicted: dashed",
              .curves = {},
              .y_axis = {.settled = true}},
             [](const Line& r) { return r.relative_gradient.median; },
             [](const Line& r) { return r.predicted_relative; })});
    out += scatter(settled, rest) + by_layer(settled);
  }
  if (!scales.empty()) {
    const std::vector<std::string> names = names_of(scales);
    out += panel_of(names, {course(
                               run, names, {.title = "Scales of norms", .unit = "size, median", .curves = {}},
                               [](const Line& r) { return r.norm.median; }, nullptr)});
  }
  return {"What decay did", out};
}

}  // namespace ebb
