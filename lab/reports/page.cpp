// The page of one run.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "framework/tensor/error.h"
#include "lab/format/numbers.h"
#include "lab/reports/curves.h"
#include "lab/reports/html.h"
#include "lab/reports/report.h"

namespace ebb {
namespace {

using html::escape;

const std::string* find(const std::vector<std::pair<std::string, std::string>>& list, const std::string& key) {
  const auto at = std::ranges::find(list, key, [](const auto& entry) { return entry.first; });
  return at == list.end() ? nullptr : &at->second;
}

std::string card(const std::string& value, const std::string& name) {
  return text("<div class=\"card\"><b>", value, "</b><span>", escape(name), "</span></div>\n");
}

// A whole number of a file, in groups of digits; what is none as it stands.
std::string count(const std::string& digits) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  return whole ? grouped(number) : escape(digits);
}

std::string cards(const RunData& run) {
  std::string out = "<div class=\"cards\">\n";
  if (run.evaluation) {
    out += card(percent(run.evaluation->accuracy), "test accuracy");
    out += card(decimal(run.evaluation->loss, 4), "test loss (NLL)");
    out += card(percent(run.evaluation->calibration_error), "calibration error");
    if (const std::int64_t none = run.evaluation->confusion.unpredicted(); none > 0)
      out += card(grouped(none), "test samples without a prediction: logits not finite");
  } else {
    out += card("not finished", "go on with ebb resume");
  }
  if (!run.log.epochs.empty()) {
    const EpochResult& last = run.log.epochs.back();
    out += card(text(last.epoch), "epochs");
    out += card(decimal(last.train_loss, 4, "none"), "last training loss");
    double seconds = 0;
    for (const EpochResult& epoch : run.log.epochs) seconds += epoch.seconds;
    out += card(clock_text(seconds), "training time");
    out += card(grouped(std::llround(last.images_per_second)), "images/s");
  }
  if (const std::string* const n = find(run.summary, "parameters")) out += card(count(*n), "parameters");
  return out + "</div>\n";
}

std::string confusion(const EvaluationRecord& record) {
  const Confusion& c = record.confusion;
  std::string out = "<table class=\"confusion\"><thead><tr><th>true \\ taken for</th>";
  for (const std::string& name : record.classes) out += text("<th>", escape(name), "</th>");
  out += "</tr></thead><tbody>\n";
  for (std::int64_t t = 0; t < c.classes(); ++t) {
    const std::int64_t samples = c.samples(t);
    out += text("<tr><th>", escape(record.classes[static_cast<std::size_t>(t)]), "</th>");
    for (std::int64_t p = 0; p < c.classes(); ++p) {
      const std::int64_t n = c.count(t, p);
      const double share = samples > 0 ? static_cast<double>(n) / static_cast<double>(samples) : 0;
      // Right ones in blue, mistakes in orange: strong enough to be seen at one in a hundred.
      const double shade = n == 0 ? 0 : t == p ? 0.15 + 0.6 * share : std::min(0.85, 0.12 + 4 * share);
      out += text("<td style=\"background:rgba(", t == p ? "0,114,178," : "213,94,0,", decimal(shade, 2), ")\">",
                  n == 0 ? "" : text(n), "</td>");
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table>\n";
}

std::string classes(const EvaluationRecord& record) {
  std::vector<std::vector<std::string>> rows;
  for (std::int64_t c = 0; c < record.confusion.classes(); ++c) {
    rows.push_back({escape(record.classes[static_cast<std::size_t>(c)]), text(record.confusion.samples(c)),
                    percent(record.confusion.recall(c)), percent(record.confusion.precision(c))});
  }
  return html::table({"class", "samples", "recall", "precision"}, rows);
}

std::string mistakes(const EvaluationRecord& record) {
  std::string out = "<div class=\"mistakes\">\n";
  for (const Mistake& m : record.worst) {
    const auto name = [&](std::int64_t c) { return escape(record.classes[static_cast<std::size_t>(c)]); };
    out += "<figure>";
    if (!m.picture.empty()) out += text("<img alt=\"\" src=\"data:image/png;base64,", escape(m.picture), "\">");
    out += text("<figcaption>", name(m.truth), "<br><span class=\"no\">", name(m.predicted), "</span> ",
                decimal(100 * m.confidence, 0), " %<br>no. ", m.index, "</figcaption></figure>\n");
  }
  return out + "</div>\n";
}

std::string pairs(const std::vector<std::pair<std::string, std::string>>& list) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [key, value] : list) rows.push_back({escape(key), escape(value)});
  return text("<div class=\"text\">", html::table({"", ""}, rows), "</div>");
}

std::string events(const LogContents& log) {
  std::string out;
  for (const TrainEvent& event : log.events)
    out += text("<li>", escape(event.kind), ": ", escape(event.text), "</li>\n");
  return out.empty() ? out : text("<h2>Events</h2>\n<ul>\n", out, "</ul>\n");
}

}  // namespace

std::string report_page(const RunData& run) {
  const Recipe& r = run.recipe;
  std::string body = text("<h1>", escape(run.name), "</h1>\n<p class=\"sub\">", escape(r.model), " on ", escape(r.data),
                          ", ", escape(r.optimizer), ", ", escape(r.decay), " ", r.lambda, " on ", escape(r.decay_on),
                          ", seed ", r.seed, "</p>\n", cards(run));
  body += text("<h2>Learning</h2>\n", html::figures(learning_plots({&run, 1})));
  body += text("<h2>Learning rate, decay and norms by group</h2>\n", html::figures(group_plots(run)));
  if (run.evaluation) {
    body += text("<h2>Confusion on ", escape(run.evaluation->data), "</h2>\n", confusion(*run.evaluation));
    body += text("<h2>Classes</h2>\n", classes(*run.evaluation));
    if (!run.evaluation->worst.empty())
      body +=
          text("<h2>Worst mistakes</h2>\n<p class=\"sub\">The test samples that were wrong with most confidence: the ",
               "true class, and what it was taken for.</p>\n", mistakes(*run.evaluation));
  }
  body += events(run.log);
  body += text("<h2>How it was made</h2>\n<details open><summary>environment</summary>", pairs(run.environment),
               "</details>\n<details><summary>recipe.toml</summary><pre>", escape(to_toml(r)), "</pre></details>\n");
  if (!run.summary.empty()) body += text("<details><summary>summary</summary>", pairs(run.summary), "</details>\n");
  return html::page(run.name, body);
}

std::string comparison_page(const std::vector<RunData>& runs) {
  std::vector<std::string> head{""};
  for (const RunData& run : runs) head.push_back(escape(run.name));
  std::vector<std::vector<std::string>> rows;
  const auto add = [&](const std::string& name, const auto& value) {
    std::vector<std::string> row{name};
    for (const RunData& run : runs) row.push_back(value(run));
    rows.push_back(row);
  };
  add("test accuracy",
      [](const RunData& r) { return r.evaluation ? percent(r.evaluation->accuracy) : "not finished"; });
  add("test loss", [](const RunData& r) { return r.evaluation ? decimal(r.evaluation->loss, 4) : "–"; });
  add("calibration error",
      [](const RunData& r) { return r.evaluation ? percent(r.evaluation->calibration_error) : "–"; });
  add("last training loss",
      [](const RunData& r) { return r.log.epochs.empty() ? "–" : decimal(r.log.epochs.back().train_loss, 4, "none"); });
  add("epochs", [](const RunData& r) { return text(static_cast<std::int64_t>(r.log.epochs.size())); });
  for (const char* const key : {"parameters", "images_per_s", "seconds", "threads", "instruction_set"})
    add(key, [&](const RunData& r) {
      const std::string* const value = find(r.summary, key);
      return value == nullptr ? "–" : escape(*value);
    });

  std::vector<std::vector<std::string>> differences;
  for (const RecipeKey& key : recipe_keys()) {
    std::vector<std::string> row{escape(key.key)};
    for (const RunData& run : runs) row.push_back(escape(get(run.recipe, key.key)));
    if (std::ranges::any_of(row.begin() + 2, row.end(), [&](const std::string& value) { return value != row[1]; }))
      differences.push_back(row);
  }
  return html::page("Comparison of runs", text("<h1>Comparison of runs</h1>\n", html::table(head, rows),
                                               "<h2>Learning</h2>\n", html::figures(learning_plots(runs)),
                                               "<h2>Where the recipes differ</h2>\n", html::table(head, differences)));
}

}  // namespace ebb
