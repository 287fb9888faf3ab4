// The course of a run: curves, events, and what it was made with.
#include "framework/tensor/error.h"
#include "lab/format/numbers.h"
#include "lab/reports/curves.h"
#include "lab/reports/figures.h"
#include "lab/reports/run_sections.h"

namespace ebb {
namespace {

using html::escape;
using Entries = std::vector<std::pair<std::string, std::string>>;

std::string entry_table(const Entries& entries) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [key, value] : entries) rows.push_back({escape(key), escape(shortened(value))});
  return html::table({}, rows, "text");
}

}  // namespace

html::Section learning_section(const RunData& run) {
  if (run.log.epochs.empty() && run.log.steps.empty())
    return {"Learning", "<p>No epoch and no step is in the log.</p>\n"};
  return {"Learning", html::figures(learning_plots(run))};
}

html::Section decay_section(const RunData& run) {
  const std::vector<std::string> names = group_names({&run, 1});
  if (names.empty()) return {};
  std::vector<html::LegendEntry> legend;
  for (std::size_t i = 0; i < names.size(); ++i)
    legend.push_back({.label = names[i], .detail = {}, .colour = html::series_colour(i, names.size())});
  return {"Decay and norms by group", html::panel(legend, group_plots(run))};
}

html::Section changes_section(const RunData& run) {
  std::vector<std::vector<std::string>> rows;
  for (const RecipeChange& change : run.changes)
    for (const ChangedSetting& s : change.settings)
      rows.push_back({escape(s.key), escape(s.from), escape(s.to), grouped(change.step), grouped(change.epochs)});
  if (rows.empty()) return {"Changed on the way", {}};
  return {
      "Changed on the way",
      "<p>The run was resumed with other settings. The recipe below is the last one; recipe.toml is the first.</p>\n" +
          html::table({"setting", "before", "after", "from batch", "complete epochs"}, rows)};
}

html::Section events_section(const RunData& run) {
  std::string items;
  for (const TrainEvent& event : run.log.events)
    items += text("<li>", escape(event.kind), ": ", escape(event.text), "</li>\n");
  return {"Events", items.empty() ? items : text("<ul class=\"list\">\n", items, "</ul>\n")};
}

html::Section origin_section(const RunData& run) {
  std::string out = html::details("Environment", entry_table(run.environment), true);
  out += html::details(run.changes.empty() ? "Recipe" : "Recipe after all changes",
                       text("<pre>", escape(to_toml(run.recipe)), "</pre>"));
  if (!run.summary.empty()) out += html::details("Summary", entry_table(run.summary));
  return {"How it was made", out};
}

}  // namespace ebb
