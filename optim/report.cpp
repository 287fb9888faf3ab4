#include "optim/report.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "framework/compute/basic.h"
#include "framework/tensor/error.h"
#include "optim/decay_course.h"

namespace ebb {
namespace {

// A cell for people: four significant digits.
std::string shortened(double value) { return rounded(value, 4); }

using Row = std::vector<std::string>;

// Columns padded to their widest cell, numbers to the right; the last column is left as it is.
std::string aligned(const std::vector<Row>& rows, const std::vector<bool>& right) {
  std::vector<std::size_t> widths(right.size(), 0);
  for (const Row& row : rows)
    for (std::size_t c = 0; c + 1 < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  std::string out;
  for (const Row& row : rows) {
    for (std::size_t c = 0; c < row.size(); ++c) {
      const std::string pad(c + 1 < row.size() ? widths[c] - row[c].size() : 0, ' ');
      out += right[c] ? pad + row[c] : row[c] + pad;
      out += c + 1 < row.size() ? "  " : "";
    }
    out.erase(out.find_last_not_of(' ') + 1);
    out += '\n';
  }
  return out;
}

std::string counted(std::size_t count, const char* thing) { return text(count, ' ', thing, count == 1 ? "" : "s"); }

bool has_f32(const Group& group) {
  return std::any_of(group.members.begin(), group.members.end(),
                     [](const Member& member) { return member.parameter->value().dtype() == DType::f32; });
}

// Why nothing is known ahead of a decay that depends on the gradients.
std::string reason(const Optimizer& optimizer, std::size_t g) {
  if (optimizer.decay(g).wants_v_hat) return "they depend on the second moment of the gradients";
  return text(optimizer.name(), " rescales gradients or updates, and this pull among them");
}

// What a run of `steps` leaves of a weight.
std::string left_text(double left, const std::string& what, std::int64_t steps) {
  if (!(left >= 0 && left <= 1))
    return text(what, " without gradient ends at ", shortened(left), " times itself after ", steps, " steps");
  const bool most = left > 0.99 && left < 1;
  return text(most ? "all but " : "", shortened(100 * (most ? 1 - left : left)), " % of ", what,
              " without gradient is left after ", steps, " steps");
}

// What decay does to a group in the run.
std::string effect(const Optimizer& optimizer, std::size_t g, const ReportOptions& options) {
  const DecayCourse course = decay_course(optimizer, g, options.steps);
  std::string out = text("at the peak lr ", shortened(course.lr));
  if (course.depends) return out + "; no shrink and no timescale known ahead: " + reason(optimizer, g);
  if (course.shrink == 0 && course.pull == 0) return out + ", nothing in this run";
  const std::string what = optimizer.decay(g).from_start ? "a distance from the start" : "a weight";
  if (course.shrink > 0) {
    out += text(", shrink ", shortened(course.shrink));
    if (course.gain != 1) out += text(" with momentum, as decoupled_lr ", shortened(course.coupled));
    out += text(", timescale ", shortened(1 / course.shrink), " steps");
    if (options.steps_per_epoch > 0)
      out += text(" = ", shortened(1 / course.shrink / options.steps_per_epoch), " epochs");
  }
  if (course.pull > 0) out += text(", L1 takes ", shortened(course.pull), " a step");
  if (course.reach) out += text("; without gradient ", what, " up to ", shortened(*course.reach), " ends at about 0");
  else if (course.left) out += text("; ", course.rounded ? "about " : "", left_text(*course.left, what, options.steps));
  if (course.pull == 0 && course.shrink < 0x1p-25 && has_f32(optimizer.groups()[g]))
    out += "; rounds to nothing in f32";
  return out;
}

std::vector<Row> parameter_rows(const Optimizer& optimizer, const ChangeNorms* changes) {
  std::vector<Row> rows = {{"parameter", "role", "group", "|w|", "|g|", "|last change|", "effective lr", "state"}};
  for (const ParameterState& p : optimizer.parameters()) {
    const Parameter& parameter = *p.parameter;
    const double w2 = sum_squares(parameter.value());
    const double shrink = optimizer.terms(p.group).shrink, lr = optimizer.lr(p.group);
    const bool gradient = parameter.grad().defined();
    const double change = changes == nullptr ? std::numeric_limits<double>::quiet_NaN() : changes->of(p.path);
    rows.push_back({p.path, name(parameter.role()), optimizer.groups()[p.group].name, shortened(std::sqrt(w2)),
                    gradient ? shortened(norm(parameter.grad())) : "-", std::isnan(change) ? "-" : shortened(change),
                    w2 > 0 && shrink < 1 ? shortened(lr / ((1 - shrink) * w2)) : "-",
                    parameter.frozen() ? "frozen"
                    : gradient         ? ""
                                       : "no gradient"});
  }
  return rows;
}

}  // namespace

std::string report(const Optimizer& optimizer, ReportOptions options) {
  std::vector<Row> rows;
  std::string details;
  for (std::size_t g = 0; g < optimizer.groups().size(); ++g) {
    const Group& group = optimizer.groups()[g];
    const Decay& decay = optimizer.decay(g);
    std::string members;
    for (const Member& member : group.members) members += (members.empty() ? "" : " ") + member.path;
    rows.push_back({group.name, decay.text(), counted(group.members.size(), "tensor"),
                    counted(static_cast<std::size_t>(group.values()), "value"), members});
    if (!decay.rule) continue;
    const std::string formula = decay.formula.empty() ? "" : decay.formula + "; ";
    details += text(group.name, ": ", formula, effect(optimizer, g, options), '\n');
  }
  std::string out = aligned(rows, {false, false, true, true, false}) + details;
  if (options.parameters)
    out += aligned(parameter_rows(optimizer, options.changes), {false, false, false, true, true, true, true, false});
  return out;
}

}  // namespace ebb
