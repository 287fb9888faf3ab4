// An audit for people.
#include <algorithm>
#include <cmath>

#include "framework/tensor/error.h"
#include "lab/audit/audit.h"
#include "lab/audit/drawing.h"
#include "lab/format/text_table.h"

namespace ebb {
namespace {

std::string shown(double value) { return std::isnan(value) ? "-" : rounded(value, 3); }

std::string shown_share(double value) { return std::isnan(value) ? "-" : shown(100 * value) + " %"; }

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
                                               "steps", "epochs", "left", "|w|", "at rest", "turns", "eff. lr"}};
  for (const AuditRow& r : rows)
    table.push_back({r.path, name(r.role), r.frozen ? "frozen" : name(r.position),
                     r.granularity.empty() ? "-"
                     : r.joint > 1         ? ebb::text(r.granularity, ", joint of ", r.joint)
                                           : r.granularity,
                     r.group.empty() ? "-" : r.group, r.decay.empty() ? "-" : r.decay, shown(r.shrink),
                     shown(r.timescale_steps), shown(r.timescale_epochs), shown_share(r.left), shown(r.norm),
                     shown(r.predicted_norm), std::isnan(r.predicted_angle) ? "-" : shown(r.predicted_angle) + " deg",
                     shown(r.effective_lr)});
  using enum Align;
  std::string out =
      text_table(table, {left, left, left, left, left, left, right, right, right, right, right, right, right, right});
  if (std::ranges::any_of(rows, [](const AuditRow& r) { return r.decayed; }))
    out +=
        "shrink, steps, epochs, at rest, turns and eff. lr at the schedule's peak; left: of a weight without gradient "
        "at the end of the run\n";
  out += "\nsymmetries\n";
  std::vector<std::vector<std::string>> lines;
  for (const AuditedSymmetry& s : symmetries)
    lines.push_back({ebb::text("  ", name(s.symmetry.kind)), verdict(s.probe), ebb::text(s.symmetry)});
  out += lines.empty() ? "  none\n" : text_table(lines, {left, left, left});
  for (const std::string& warning : warnings) out += "warning: " + warning + '\n';
  for (const std::string& problem : problems) out += "problem: " + problem + '\n';
  return out;
}

std::string Audit::svg() const { return audit_drawing(rows, network.values); }

}  // namespace ebb
