// What decay meets in the network, as the audit of the run's first batch saw it.
#include <cmath>

#include "framework/tensor/error.h"
#include "lab/audit/audit_record.h"
#include "lab/audit/drawing.h"
#include "lab/format/numbers.h"
#include "lab/reports/html.h"
#include "lab/reports/run_sections.h"

namespace ebb {
namespace {

using html::escape;

constexpr std::size_t most_rows = 500;  // of a table

std::string shown(double value, const char* unit = "") {
  return std::isfinite(value) ? escape(text(significant(value, 3), unit)) : "–";
}

std::string position_cell(const AuditRow& row) {
  if (row.frozen) return "frozen";
  return text("<i class=\"place\" style=\"background:", colour(row.position), "57\">", letter(row.position), "</i>",
              name(row.position));
}

std::string table_of(const std::vector<const AuditRow*>& rows) {
  std::vector<std::vector<std::string>> cells;
  for (const AuditRow* const row : rows) {
    if (cells.size() == most_rows) break;
    cells.push_back({escape(row->path), position_cell(*row), escape(row->granularity.empty() ? "–" : row->granularity),
                     escape(row->decay), shown(row->shrink), shown(row->timescale_steps), shown(row->timescale_epochs),
                     shown(row->norm), shown(row->predicted_norm), shown(row->predicted_angle, "°"),
                     shown(row->effective_lr)});
  }
  std::string out = html::table({"parameter", "position", "by", "decay", "shrink a step", "timescale, steps",
                                 "timescale, epochs", "|w|", "|w| at rest", "turns a step", "effective lr"},
                                cells, "audit");
  if (rows.size() > most_rows)
    out += text("<p class=\"small\">", grouped(static_cast<std::int64_t>(rows.size() - most_rows)), " more are in ",
                "audit.json.</p>\n");
  return out;
}

std::string notes(const char* kind, const std::vector<std::string>& sentences) {
  std::string out;
  for (std::size_t i = 0; i < std::min<std::size_t>(20, sentences.size()); ++i)
    out += text("<p class=\"note\">", kind, ": ", escape(sentences[i]), "</p>\n");
  if (sentences.size() > 20) out += text("<p class=\"note\">and ", sentences.size() - 20, " more</p>\n");
  return out;
}

}  // namespace

html::Section audit_section(const RunData& run) {
  if (!run.audit) return {};
  const AuditRecord& audit = *run.audit;
  const char* const title = "What decay meets";
  if (!audit.refused.empty())
    return {title, text("<p class=\"note\">There is no audit of this network: ", escape(audit.refused), "</p>\n")};
  std::vector<const AuditRow*> decayed, others;
  for (const AuditRow& row : audit.rows) (row.decayed ? decayed : others).push_back(&row);
  std::string out =
      "<p>Where each parameter stands, and what decay does there at the first step. Norm at rest and "
      "rotation "
      "are predictions from the gradients of the run&#39;s first batch alone; they hold for weights in front of a "
      "norm, "
      "and the norms follow the gradients as these change.</p>\n";
  out += decayed.empty() ? "<p>Nothing is decayed.</p>\n" : table_of(decayed);
  if (!others.empty())
    out += html::details(text("without decay: ", others.size(), others.size() == 1 ? " parameter" : " parameters"),
                         table_of(others));
  out += notes("problem", audit.problems) + notes("warning", audit.warnings);
  out += text("<div class=\"scroll drawing\" tabindex=\"0\">\n", audit_drawing(audit.rows, audit.values), "</div>\n");
  return {title, out};
}

}  // namespace ebb
