// What decay meets in the network, as the audit of the run's first batch saw it.
#include <cmath>

#include "framework/tensor/error.h"
#include "lab/audit/audit_record.h"
#include "lab/audit/drawing.h"
#include "lab/diagnose/diagnosis.h"
#include "lab/format/numbers.h"
#include "lab/reports/decay_words.h"
#include "lab/reports/html.h"
#include "lab/reports/run_sections.h"

namespace ebb {
namespace {

using html::escape;

constexpr std::size_t most_rows = 500;  // of a table

std::string shown(double value, const char* unit = "") {
  return std::isfinite(value) ? escape(text(significant(value, 3), unit)) : "–";
}

// Two numbers that belong together in one cell.
std::string pair_of(double first, double second, const char* unit, const char* format) {
  if (!std::isfinite(first)) return "–";
  return text(shown(first), std::isfinite(second) ? text(format, shown(second, unit)) : std::string());
}

// A path that breaks behind its dots where it must.
std::string path_cell(const std::string& path) {
  std::string out;
  for (const char c : escape(path)) {
    out += c;
    if (c == '.') out += "<wbr>";
  }
  return out;
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
    cells.push_back({path_cell(row->path), position_cell(*row), escape(row->decay), shown(row->shrink),
                     pair_of(row->timescale_steps, row->timescale_epochs, "", " = "), percent(row->left, 1, "–"),
                     shown(row->norm), pair_of(row->predicted_norm, row->predicted_angle, "°", ", "),
                     pair_of(row->doubled_norm, row->doubled_angle, "°", ", "), shown(row->effective_lr)});
  }
  std::string out = html::table({"parameter", "position", "decay", "shrink a step", "timescale, steps = epochs",
                                 "left at the end", "|w| at the start", "at rest by the first gradients: |w|, turns",
                                 "at 2 lambda: |w|, turns", "effective lr at the start"},
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

std::string where_it_acts(const std::vector<const AuditRow*>& decayed, const std::vector<const AuditRow*>& others) {
  Counted filters, function, rest;
  // Of one scale of several tensors a part alone is felt.
  const bool parted = std::ranges::any_of(others, [](const AuditRow* row) { return row->joint > 1; });
  for (const AuditRow* const row : decayed)
    (row->position == Position::feeds_norm && !(parted && row->joint > 1) ? filters : function).add(row->shape.size());
  for (const AuditRow* const row : others) rest.add(row->shape.size());
  return where_decay_acts(filters, function, rest);
}

double median(const std::vector<const AuditRow*>& rows, double AuditRow::*number) {
  std::vector<double> all;
  for (const AuditRow* const row : rows) all.push_back(row->*number);
  return spread_of_channels(std::move(all)).median;
}

// The sentence about the equilibrium of what stands in front of norms, at this lambda and at twice as much.
std::string what_doubling_does(const std::vector<const AuditRow*>& decayed, bool diagnosed) {
  std::vector<const AuditRow*> known;
  for (const AuditRow* const row : decayed)
    if (std::isfinite(row->predicted_norm) && std::isfinite(row->doubled_norm)) known.push_back(row);
  if (known.empty()) return "No equilibrium of norm and rotation is predicted for this network and optimizer.";
  const auto number = [&](double AuditRow::*member) { return significant(median(known, member), 3); };
  return text("By the gradients of the first batch and at the peak learning rate, ",
              significant(median(known, &AuditRow::lr), 2),
              ", weights in front of a norm would come to rest where updates and decay "
              "balance, at a norm of about ",
              number(&AuditRow::predicted_norm), " a channel, and turn by ", number(&AuditRow::predicted_angle),
              "° a step (medians of the layers); with every lambda doubled at ", number(&AuditRow::doubled_norm),
              ", turning by ", number(&AuditRow::doubled_angle), "°. ",
              follows_gradients(median(known, &AuditRow::predicted_norm), median(known, &AuditRow::doubled_norm))
                  ? "Gradients change as a network learns, and norms at rest follow them: "
                  : "Updates are divided by the size of gradients, on which norms at rest then do not depend: ",
              diagnosed ? "<i>What decay did</i> has those of the training."
                        : "a run that is diagnosed (<code>--diagnose</code>) compares with measured ones.");
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
  std::string out;
  const bool diagnosed = !run.diagnosis.empty();  // then the page begins with where decay acts
  if (!diagnosed) out = text("<p>", where_it_acts(decayed, others), "</p>\n");
  out += text("<p>", what_doubling_does(decayed, diagnosed), "</p>\n");
  out += text(
      "<p class=\"small\">Shrink, timescale, rest and effective learning rate are those of the schedule&#39;s peak, by "
      "the norms and gradients at the start; "
      "<i>left at the end</i> is what the whole run leaves of a weight that gets no gradient.</p>\n");
  if (!decayed.empty()) out += table_of(decayed);
  if (!others.empty())
    out += html::details(text("without decay: ", others.size(), others.size() == 1 ? " parameter" : " parameters"),
                         table_of(others));
  out += notes("problem", audit.problems) + notes("warning", audit.warnings);
  out += text("<div class=\"scroll drawing\" tabindex=\"0\">\n", audit_drawing(audit.rows, audit.values), "</div>\n");
  return {title, out};
}

}  // namespace ebb
