// The page that compares runs.
#include <algorithm>
#include <optional>

#include "framework/tensor/error.h"
#include "lab/format/numbers.h"
#include "lab/reports/at_rest.h"
#include "lab/reports/comparison_curves.h"
#include "lab/reports/conditions.h"
#include "lab/reports/curves.h"
#include "lab/reports/figures.h"
#include "lab/reports/html.h"
#include "lab/reports/run_sections.h"

namespace ebb {
namespace {

using html::escape;
using Row = std::vector<std::string>;

// A column of the tables: a number of each run, and whether more is better.
struct Measure {
  const char* title;
  RunValue value;
  std::string (*shown)(double);
  enum class Best : unsigned char { none, least, largest } best = Best::none;
};

std::optional<double> summary_number(const RunData& run, const char* key) {
  const std::string* const value = summary_value(run, key);
  return value == nullptr ? std::nullopt : number_in(*value);
}

// A member of the evaluation, where there is one.
RunValue evaluated(double EvaluationRecord::*member) {
  return [member](const RunData& r) { return r.evaluation ? std::optional((*r.evaluation).*member) : std::nullopt; };
}

std::optional<double> last_training_loss(const RunData& run) {
  return run.log.epochs.empty() ? std::nullopt : std::optional(run.log.epochs.back().train_loss);
}

const std::vector<Measure>& measures() {
  using Best = Measure::Best;
  const auto share = [](double v) { return percent(v); };
  const auto four = [](double v) { return decimal(v, 4); };
  const auto plain = [](double v) { return significant(v); };
  static const std::vector<Measure> all{
      {"test accuracy", evaluated(&EvaluationRecord::accuracy), share, Best::largest},
      {"test loss, nats", evaluated(&EvaluationRecord::loss), four, Best::least},
      {"calibration error", evaluated(&EvaluationRecord::calibration_error), share, Best::least},
      {"last training loss, nats", last_training_loss, four},
      {"epochs", [](const RunData& r) { return static_cast<double>(r.log.epochs.size()); }, plain},
      {"parameters", [](const RunData& r) { return summary_number(r, "parameters"); }, whole},
      {"images a second", [](const RunData& r) { return summary_number(r, "images_per_s"); }, plain},
      {"whole run", [](const RunData& r) { return summary_number(r, "seconds"); },
       [](double v) { return clock_text(v); }},
  };
  return all;
}

std::string swatch(const std::string& colour) {
  return text("<span class=\"dot\" style=\"background:", colour, "\"></span>");
}

// "98.31 %", and the range below it where there are several runs.
std::string spread_cell(const Spread& spread, int runs, const Measure& measure, bool best) {
  if (spread.known == 0) return "–";
  std::string out = measure.shown(spread.mean);
  if (best) out = text("<b>", out, "</b>");
  const std::string least = measure.shown(spread.least), largest = measure.shown(spread.largest);
  if (spread.count > 0 && least != largest) out += text("<br><small>", least, " to ", largest, "</small>");
  if (spread.count > 0 && spread.count < runs) out += text("<br><small>of ", spread.count, " runs</small>");
  return out;
}

// Which of the spreads is the best; none when fewer than two are known.
std::ptrdiff_t best_of(const std::vector<Spread>& spreads, Measure::Best wanted) {
  std::ptrdiff_t best = -1;
  int known = 0;
  for (std::size_t i = 0; i < spreads.size(); ++i) {
    if (spreads[i].count == 0) continue;
    ++known;
    const double sign = wanted == Measure::Best::largest ? 1 : -1;
    if (best < 0 || sign * spreads[i].mean > sign * spreads[static_cast<std::size_t>(best)].mean)
      best = static_cast<std::ptrdiff_t>(i);
  }
  return wanted == Measure::Best::none || known < 2 ? -1 : best;
}

std::string results_table(const Conditions& conditions) {
  const bool single = std::ranges::all_of(conditions.all, [](const Condition& c) { return c.runs.size() == 1; });
  Row head{""};
  if (!single) head.emplace_back("runs");
  std::vector<Row> rows;
  if (!conditions.labels_tell_values)
    for (const std::string& key : conditions.keys) head.push_back(escape(key));
  for (const Condition& c : conditions.all) {
    rows.push_back({swatch(c.colour) + escape(c.label)});
    if (!single) rows.back().push_back(grouped(static_cast<std::int64_t>(c.runs.size())));
    if (!conditions.labels_tell_values)
      for (const std::string& value : c.values) rows.back().push_back(escape(value));
  }
  for (const Measure& measure : measures()) {
    head.emplace_back(measure.title);
    std::vector<Spread> spreads;
    for (const Condition& c : conditions.all) spreads.push_back(spread_of(c, measure.value));
    const std::ptrdiff_t best = best_of(spreads, measure.best);
    for (std::size_t i = 0; i < rows.size(); ++i)
      rows[i].push_back(spread_cell(spreads[i], static_cast<int>(conditions.all[i].runs.size()), measure,
                                    static_cast<std::ptrdiff_t>(i) == best));
  }
  return html::table(head, rows);
}

std::string runs_table(const Conditions& conditions, std::span<const RunData> runs) {
  Row head{"", "seed"};
  for (const Measure& measure : measures()) head.emplace_back(measure.title);
  const std::vector<std::string> names = distinct_names(runs);
  std::vector<Row> rows;
  for (const Condition& c : conditions.all)
    for (const RunData* const run : c.runs) {
      rows.push_back(
          {swatch(c.colour) + escape(names[static_cast<std::size_t>(run - runs.data())]), text(run->recipe.seed)});
      for (const Measure& measure : measures()) {
        const std::optional<double> number = measure.value(*run);
        rows.back().push_back(number ? measure.shown(*number) : "–");
      }
    }
  return html::table(head, rows);
}

std::vector<html::LegendEntry> legend_of(const Conditions& conditions) {
  std::vector<html::LegendEntry> out;
  for (const Condition& c : conditions.all) out.push_back({c.label, c.detail, c.colour});
  return out;
}

html::Section results_section(const Conditions& conditions, std::span<const RunData> runs) {
  std::string out;
  if (conditions.all.size() < runs.size())
    out =
        "<p class=\"small\">Runs that differ only in their seed stand together: their mean, and the range from the "
        "lowest to the highest, as a band in the plots.</p>\n";
  out += results_table(conditions);
  if (const std::vector<Plot> plots = results_by_key(conditions); !plots.empty())
    out +=
        text("<h3>Results by ", escape(conditions.keys.front()), "</h3>\n", html::panel(legend_of(conditions), plots));
  if (conditions.all.size() < runs.size())
    out += html::details("Every run", runs_table(conditions, runs), runs.size() <= 20);
  return {"Results", out};
}

html::Section learning_section(const Conditions& conditions, std::span<const RunData> runs) {
  return {"Learning", html::panel(legend_of(conditions), compared_learning(conditions, runs))};
}

// Groups that decay first. The learning rate stands once where it is the same for all groups.
html::Section decay_section(const Conditions& conditions, std::span<const RunData> runs) {
  std::vector<std::pair<std::string, std::vector<Plot>>> groups;
  for (const std::string& name : group_names(runs)) groups.emplace_back(name, compared_group(conditions, name));
  // The ranges algorithm would return a range of pairs, which Clang 14 does not compile.
  std::stable_partition(groups.begin(), groups.end(), [](const auto& group) {
    return std::ranges::any_of(group.second, [](const Plot& plot) { return plot.title == shrink_title; });
  });
  std::string out;
  for (auto& [name, plots] : groups) {
    if (&plots != &groups.front().second && !plots.empty() && same_curves(plots.front(), groups.front().second.front()))
      plots.erase(plots.begin());
    if (!plots.empty()) out += text("<h3>Group ", escape(name), "</h3>\n", html::panel(legend_of(conditions), plots));
  }
  return {"Decay and norms by group", out};
}

// Of which windows the numbers of a diagnosis are.
std::string windows_in_words(const AtRest& rest) {
  if (rest.peak) return text("near the peak, epoch ", rest.until);
  return rest.until > 0 ? text("at equilibrium, to epoch ", rest.until) : std::string("the end");
}

// A row for each diagnosed run: medians of its layers in front of norms, as in *What decay did*.
html::Section diagnoses_section(const Conditions& conditions, std::span<const RunData> runs) {
  const std::vector<std::string> names = distinct_names(runs);
  std::vector<Row> rows;
  for (const Condition& c : conditions.all)
    for (const RunData* const run : c.runs) {
      const AtRest rest = at_rest(run->diagnosis);
      if (rest.layers.empty()) continue;
      const auto median = [&](const auto& number) {
        std::vector<double> all;
        for (const DiagnosisRow& layer : rest.layers) all.push_back(number(layer));
        return spread_of_channels(std::move(all)).median;
      };
      rows.push_back({swatch(c.colour) + escape(names[static_cast<std::size_t>(run - runs.data())]),
                      text(rest.layers.size() - rest.moving.size(), " of ", rest.layers.size()), windows_in_words(rest),
                      significant(median([](const DiagnosisRow& r) { return r.lr; }), 2),
                      significant(median([](const DiagnosisRow& r) { return r.angle.median; }), 3) + "°",
                      significant(median([](const DiagnosisRow& r) { return r.predicted_angle; }), 3) + "°",
                      significant(median([](const DiagnosisRow& r) { return r.norm_ratio.median; }), 3)});
    }
  if (rows.empty()) return {};
  return {"What decay did",
          html::table({"", "layers at rest at the end", "numbers of", "learning rate", "turn a step", "predicted",
                       "norm over predicted"},
                      rows) +
              "<p class=\"small\">Of diagnosed runs: medians of the layers in front of norms. The page of a run "
              "says more.</p>\n"};
}

html::Section recipes_section(const Conditions& conditions, std::span<const RunData> runs) {
  std::vector<Row> rows;
  for (const RecipeKey& key : recipe_keys(runs.front().recipe))
    if (std::ranges::all_of(
            runs, [&](const RunData& r) { return get(r.recipe, key.key) == get(runs.front().recipe, key.key); }))
      rows.push_back({escape(key.key), escape(get(runs.front().recipe, key.key))});
  const std::string differ =
      conditions.keys.empty() ? "<p>The recipes differ in nothing but seed, places and names.</p>\n" : "";
  return {"Recipes", differ + html::details("Keys in which all runs agree", html::table({}, rows, "text"))};
}

std::string in_a_line(std::span<const RunData> runs) {
  const Recipe& r = runs.front().recipe;
  std::string out;
  for (const char* const key : {"model", "data", "optimizer", "decay"})
    if (std::ranges::all_of(runs, [&](const RunData& run) { return get(run.recipe, key) == get(r, key); }))
      out += text(out.empty() ? "" : " · ", get(r, key));
  return escape(out);
}

}  // namespace

std::string comparison_page(const std::vector<RunData>& runs, const std::vector<std::string>& left_out) {
  if (runs.empty()) fail("report", "no run", "at least one to compare");
  const Conditions conditions = conditions_of(runs);
  std::string notes = html::plot_warning();
  for (const std::string& sentence : left_out)
    notes += text("<p class=\"note\">Left out: ", escape(sentence), "</p>\n");
  const std::string title = text("Comparison of ", static_cast<int>(runs.size()), runs.size() == 1 ? " run" : " runs");
  return html::page(
      title, in_a_line(runs), notes,
      {results_section(conditions, runs), learning_section(conditions, runs), diagnoses_section(conditions, runs),
       decay_section(conditions, runs), recipes_section(conditions, runs)});
}

}  // namespace ebb
