#include "lab/reports/at_rest.h"

#include <algorithm>
#include <cmath>

namespace ebb {

bool has_equilibrium(const DiagnosisRow& row) {
  return row.position == "feeds_norm" && std::isfinite(row.predicted_norm);
}

namespace {

constexpr double most = 0.9;  // share of layers and windows

struct Window {
  std::int64_t step, epoch;
  double layers = 0, resting = 0;

  bool rests() const { return resting >= most * layers; }
};

std::vector<Window> windows_of(const std::vector<DiagnosisRow>& rows) {
  std::vector<Window> out;
  for (const DiagnosisRow& row : rows) {
    if (!has_equilibrium(row)) continue;
    if (out.empty() || out.back().step != row.step) out.push_back({.step = row.step, .epoch = row.epoch});
    out.back().layers += 1;
    out.back().resting += row.at_rest ? 1 : 0;
  }
  return out;
}

// The first window of those at rest to the end; as many as there are: none.
std::size_t first_at_rest(const std::vector<Window>& windows) {
  std::size_t first = windows.size();
  if (windows.empty() || !windows.back().rests()) return first;
  double layers = 0, resting = 0;
  for (std::size_t i = windows.size(); i-- > 0;) {
    layers += windows[i].layers;
    resting += windows[i].resting;
    if (windows[i].rests() && resting >= most * layers) first = i;
  }
  return first;
}

// The mean of a number over rows of one layer, left alone where there is none.
void average(DiagnosisRow& into, const std::vector<const DiagnosisRow*>& rows, const auto& number) {
  double sum = 0, count = 0;
  for (const DiagnosisRow* const row : rows)
    if (std::isfinite(number(*row))) sum += number(*row), ++count;
  if (count > 0) number(into) = sum / count;
}

DiagnosisRow averaged(const DiagnosisRow& last, const std::vector<DiagnosisRow>& rows, std::int64_t from) {
  std::vector<const DiagnosisRow*> own;
  for (const DiagnosisRow& row : rows)
    if (row.step >= from && row.parameter == last.parameter) own.push_back(&row);
  DiagnosisRow out = last;
  for (const auto spread : {&DiagnosisRow::norm, &DiagnosisRow::norm_ratio, &DiagnosisRow::angle})
    average(
        out, own, [=](auto& row) -> auto& { return (row.*spread).median; });
  for (const auto number : {&DiagnosisRow::predicted_norm, &DiagnosisRow::predicted_angle, &DiagnosisRow::doubled_norm,
                            &DiagnosisRow::doubled_angle})
    average(
        out, own, [=](auto& row) -> auto& { return row.*number; });
  return out;
}

// As at_rest(), for layers that are at rest in the last window, or never.
AtRest at_rest_to_the_end(const std::vector<DiagnosisRow>& rows) {
  AtRest out;
  const std::vector<Window> windows = windows_of(rows);
  if (windows.empty()) return out;
  const std::int64_t end = windows.back().step;
  std::vector<double> relaxations;
  for (const DiagnosisRow& row : rows) {
    if (row.step != end || !has_equilibrium(row)) continue;
    relaxations.push_back(row.relaxation);
    if (!row.at_rest) out.moving.push_back(row.parameter);
  }
  const std::size_t all = windows.size(), rest = first_at_rest(windows);
  const std::size_t settled = rest < all ? rest : 0;
  std::size_t from = all - (all - settled + 3) / 4;
  if (rest < all) {
    out.since = windows[rest].epoch;
    const double relaxation = spread_of_channels(relaxations).median;
    while (from > rest && static_cast<double>(end - windows[from - 1].step) < relaxation) --from;
  }
  out.windows = static_cast<std::int64_t>(all - from);
  out.steps = end - (from > 0 ? windows[from - 1].step : 0);
  for (const DiagnosisRow& row : rows)
    if (row.step == end && has_equilibrium(row)) out.layers.push_back(averaged(row, rows, windows[from].step));
  return out;
}

}  // namespace

AtRest at_rest(const std::vector<DiagnosisRow>& rows) {
  AtRest end = at_rest_to_the_end(rows);
  const std::vector<Window> windows = windows_of(rows);
  const auto last = std::find_if(windows.rbegin(), windows.rend(), [](const Window& w) { return w.rests(); });
  if (end.since > 0 || last == windows.rend()) return end;
  std::vector<DiagnosisRow> before;
  for (const DiagnosisRow& row : rows)
    if (row.step <= last->step) before.push_back(row);
  AtRest out = at_rest_to_the_end(before);
  const DiagnosisRow& then = out.layers.front();
  out.last_lr = std::find_if(rows.rbegin(), rows.rend(), [&](const DiagnosisRow& row) {
                  return row.parameter == then.parameter;
                })->lr;
  if (!(out.last_lr < 0.9 * then.lr)) return end;
  out.until = last->epoch;
  out.until_step = last->step;
  out.moving = std::move(end.moving);
  return out;
}

}  // namespace ebb
