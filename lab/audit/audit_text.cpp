// An audit for people and for programs.
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "framework/tensor/error.h"
#include "lab/audit/audit.h"
#include "lab/audit/drawing.h"
#include "lab/format/text_table.h"

namespace ebb {
namespace {

std::string shown(double value) {
  if (std::isnan(value)) return "-";
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.3g", value);
  return digits;
}

nlohmann::json json_number(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

std::string verdict(const std::optional<ProbeResult>& probe) {
  if (!probe) return "not probed";
  if (probe->confirmed) return "confirmed";
  return probe->reason.empty() ? "NOT CONFIRMED" : "unconfirmed: " + probe->reason;
}

}  // namespace

Selector Audit::select(Position position) const {
  std::vector<const Parameter*> chosen;
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (rows[i].position == position) chosen.push_back(network.parameters[i].parameter);
  return {ebb::text(name(position), "()"), [chosen = std::move(chosen)](const Candidate& c) {
            return std::ranges::find(chosen, c.parameter) != chosen.end();
          }};
}

std::string Audit::text() const {
  std::vector<std::vector<std::string>> table{{"parameter", "role", "position", "by", "group", "decay", "shrink",
                                               "steps", "epochs", "|w|", "at rest", "turns", "eff. lr"}};
  for (const AuditRow& r : rows)
    table.push_back({r.path, name(r.role), r.frozen ? "frozen" : name(r.position),
                     r.granularity.empty() ? "-" : r.granularity, r.group.empty() ? "-" : r.group,
                     r.decay.empty() ? "-" : r.decay, shown(r.shrink), shown(r.timescale_steps),
                     shown(r.timescale_epochs), shown(r.norm), shown(r.predicted_norm),
                     std::isnan(r.predicted_angle) ? "-" : shown(r.predicted_angle) + " deg", shown(r.effective_lr)});
  using enum Align;
  std::string out =
      text_table(table, {left, left, left, left, left, left, right, right, right, right, right, right, right});
  out += "\nsymmetries\n";
  std::vector<std::vector<std::string>> lines;
  for (const AuditedSymmetry& s : symmetries)
    lines.push_back({ebb::text("  ", name(s.symmetry.kind)), ebb::text(s.symmetry), verdict(s.probe)});
  out += lines.empty() ? "  none\n" : text_table(lines, {left, left, left});
  for (const std::string& warning : warnings) out += "warning: " + warning + '\n';
  for (const std::string& problem : problems) out += "problem: " + problem + '\n';
  return out;
}

std::string Audit::svg() const { return audit_drawing(rows, network.values); }

std::string Audit::json() const {
  nlohmann::json all;
  for (const AuditRow& r : rows)
    all["parameters"].push_back({{"path", r.path},
                                 {"role", name(r.role)},
                                 {"shape", std::vector<std::int64_t>(r.shape.dims().begin(), r.shape.dims().end())},
                                 {"position", name(r.position)},
                                 {"granularity", r.granularity},
                                 {"group", r.group},
                                 {"decay", r.decay},
                                 {"frozen", r.frozen},
                                 {"shrink", json_number(r.shrink)},
                                 {"timescale_steps", json_number(r.timescale_steps)},
                                 {"timescale_epochs", json_number(r.timescale_epochs)},
                                 {"norm", json_number(r.norm)},
                                 {"gradient_at_unit_norm", json_number(r.gradient_at_unit_norm)},
                                 {"predicted_norm", json_number(r.predicted_norm)},
                                 {"predicted_angle", json_number(r.predicted_angle)},
                                 {"effective_lr", json_number(r.effective_lr)}});
  for (const AuditedSymmetry& s : symmetries) {
    nlohmann::json one{{"kind", name(s.symmetry.kind)},
                       {"granularity", s.symmetry.granularity()},
                       {"units", s.symmetry.units.size()},
                       {"law", s.law},
                       {"confirmed", s.probe ? nlohmann::json(s.probe->confirmed) : nlohmann::json(nullptr)}};
    if (s.probe) one["change"] = json_number(s.probe->change);
    for (const Symmetry::Part& part : s.symmetry.parts)
      one["parts"].push_back({{"path", part.path}, {"power", part.power}, {"rows", part.rows}});
    all["symmetries"].push_back(one);
  }
  all["problems"] = problems;
  all["warnings"] = warnings;
  return all.dump(1) + '\n';
}

}  // namespace ebb
