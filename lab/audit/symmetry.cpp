#include "lab/audit/symmetry.h"

#include <algorithm>

#include "framework/tensor/error.h"

namespace ebb {

std::string Symmetry::granularity() const {
  std::size_t most = 0;
  bool whole = true;
  for (const Unit& unit : units)
    for (const std::vector<std::int64_t>& channels : unit) {
      most = std::max(most, channels.size());
      whole = whole && channels.empty();
    }
  if (whole || (units.size() == 1 && most > 1)) return "whole";
  const bool rows = std::ranges::all_of(parts, &Part::rows);
  if (most == 1) return rows ? "row" : "channel";
  return ebb::text("group of ", most);
}

const char* name(Symmetry::Kind kind) {
  switch (kind) {
    case Symmetry::Kind::scale: return "scale";
    case Symmetry::Kind::shift: return "shift";
    case Symmetry::Kind::rescale: return "rescale";
  }
  return "?";
}

std::string text(const Symmetry& symmetry) {
  std::string out;
  for (const Symmetry::Part& part : symmetry.parts) {
    out += (out.empty() ? "" : ", ") + part.path;
    if (part.rows) out += " rows";
    if (symmetry.kind == Symmetry::Kind::shift) out += " + t";
    else if (part.power == 1) out += " x c";
    else if (part.power == -1) out += " / c";
    else out += ebb::text(" x c^", part.power);
  }
  const std::string by = symmetry.granularity();
  return by == "whole" ? out + ", as a whole" : ebb::text(out, ", by ", by, " (", symmetry.units.size(), ')');
}

}  // namespace ebb
