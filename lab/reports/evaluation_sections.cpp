// What the final weights do on the test data.
#include <algorithm>

#include "framework/tensor/error.h"
#include "lab/format/numbers.h"
#include "lab/reports/run_sections.h"

namespace ebb {
namespace {

using html::escape;

const std::string& class_of(const EvaluationRecord& record, std::int64_t c) {
  return record.classes[static_cast<std::size_t>(c)];
}

// Right ones and mistakes in colours of their own: strong enough to be seen at one in a hundred.
std::string cell(const EvaluationRecord& record, std::int64_t truth, std::int64_t predicted, std::int64_t samples,
                 bool dense) {
  const std::int64_t n = record.confusion.count(truth, predicted);
  if (n == 0) return "<td></td>";
  const double share = static_cast<double>(n) / static_cast<double>(samples);
  const bool right = truth == predicted;
  const double shade = right ? 0.15 + 0.6 * share : std::min(0.85, 0.12 + 4 * share);
  const std::string what = right ? text(class_of(record, truth), " recognised: ", n)
                                 : text(class_of(record, truth), " taken for ", class_of(record, predicted), ": ", n);
  return text("<td title=\"", escape(what), "\" style=\"background:rgba(var(--", right ? "right" : "wrong", "),",
              decimal(shade, 2), ")\">", dense ? std::string() : grouped(n), "</td>");
}

}  // namespace

html::Section confusion_section(const RunData& run) {
  if (!run.evaluation) return {};
  const EvaluationRecord& record = *run.evaluation;
  const Confusion& c = record.confusion;
  const bool dense = c.classes() > 20;  // no place for numbers: they come up when one points at a cell
  const bool upright = std::ranges::all_of(record.classes, [](const std::string& name) { return name.size() < 4; });
  std::string table = text("<div class=\"scroll\" tabindex=\"0\"><table class=\"confusion", dense ? " dense" : "",
                           upright ? "" : " turned", "\"><thead><tr><th></th>");
  for (const std::string& name : record.classes) table += text("<th><span>", escape(name), "</span></th>");
  table += "</tr></thead><tbody>\n";
  for (std::int64_t t = 0; t < c.classes(); ++t) {
    table += text("<tr><th>", escape(class_of(record, t)), "</th>");
    const std::int64_t samples = c.samples(t);
    for (std::int64_t p = 0; p < c.classes(); ++p) table += cell(record, t, p, samples, dense);
    table += "</tr>\n";
  }
  table += "</tbody></table></div>\n";
  return {"Confusion", text("<p class=\"small\">", grouped(c.total()), " test images of ", escape(record.data),
                            ": a row for each true class, a column for what it was taken for.</p>\n", table)};
}

html::Section classes_section(const RunData& run) {
  if (!run.evaluation) return {};
  const Confusion& c = run.evaluation->confusion;
  std::vector<std::vector<std::string>> rows;
  for (std::int64_t k = 0; k < c.classes(); ++k)
    rows.push_back(
        {escape(class_of(*run.evaluation, k)), grouped(c.samples(k)), percent(c.recall(k)), percent(c.precision(k))});
  return {"Classes", html::table({"class", "samples", "recall", "precision"}, rows)};
}

html::Section mistakes_section(const RunData& run) {
  if (!run.evaluation || run.evaluation->worst.empty()) return {};
  std::string out =
      "<p class=\"small\">Test images that were wrong with most confidence: the true class, what it was "
      "taken for and with which probability, and its number.</p>\n<div class=\"mistakes\">\n";
  for (const Mistake& m : run.evaluation->worst) {
    const std::string truth = escape(class_of(*run.evaluation, m.truth));
    out += "<figure>";
    if (!m.picture.empty())
      out += text("<img alt=\"", truth, "\" src=\"data:image/png;base64,", escape(m.picture), "\">");
    out += text("<div>", truth, "</div><div class=\"no\">", escape(class_of(*run.evaluation, m.predicted)), ' ',
                percent(m.confidence, 0), "</div><small>no. ", grouped(m.index), "</small></figure>\n");
  }
  return {"Worst mistakes", out + "</div>\n"};
}

html::Section filters_section(const RunData& run) {
  if (!run.evaluation || !run.evaluation->filters) return {};
  const FilterRecord& filters = *run.evaluation->filters;
  std::string out = text("<p>", escape(filters.says), ".</p>\n");
  if (!filters.picture.empty())
    out += text(
        "<p class=\"small\">Grey is 0, the largest weight white or black; under each filter its norm.</p>\n"
        "<div class=\"sheet\"><img alt=\"",
        escape(filters.says), "\" src=\"data:image/png;base64,", escape(filters.picture), "\"></div>\n");
  return {"First filters", out};
}

}  // namespace ebb
