#include "lab/reports/at_rest.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace ebb {

bool has_equilibrium(const DiagnosisRow& row) {
  return row.position == "feeds_norm" && std::isfinite(row.predicted_norm);
}

namespace {

constexpr double most = 0.9;  // share of layers and windows; near the peak, of its learning rate

struct Window {
  std::int64_t step, epoch;
  double lr = 0;  // the highest of the layers
  double layers = 0, resting = 0;
  std::vector<double> relaxations;

  double relaxation() const { return spread_of_channels(relaxations).median; }
  bool rests() const { return resting >= most * layers; }
};

std::vector<Window> windows_of(const std::vector<DiagnosisRow>& rows) {
  std::vector<Window> out;
  for (const DiagnosisRow& row : rows) {
    if (!has_equilibrium(row)) continue;
    if (out.empty() || out.back().step != row.step)
      out.push_back({.step = row.step, .epoch = row.epoch, .relaxations = {}});
    out.back().lr = std::max(out.back().lr, row.lr);
    out.back().relaxations.push_back(row.relaxation);
    out.back().layers += 1;
    out.back().resting += row.at_rest ? 1 : 0;
  }
  return out;
}

// Whether layers are at rest in the last window or over the last relaxation time: drift in one short window is noise.
bool rest_at_the_end(const std::vector<Window>& windows) {
  if (windows.empty()) return false;
  if (windows.back().rests()) return true;
  double layers = 0, resting = 0;
  for (std::size_t i = windows.size(); i-- > 0;) {
    layers += windows[i].layers;
    resting += windows[i].resting;
    if (i == 0 || static_cast<double>(windows.back().step - windows[i - 1].step) >= windows.back().relaxation()) break;
  }
  return resting >= most * layers;
}

// The first window of those at rest to the end; as many as there are: none.
std::size_t first_at_rest(const std::vector<Window>& windows) {
  std::size_t first = windows.size();
  if (!rest_at_the_end(windows)) return first;
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
  const auto resting = std::ranges::count_if(own, [](const DiagnosisRow* row) { return row->at_rest; });
  out.at_rest = 2 * static_cast<std::size_t>(resting) >= own.size();
  for (const auto number : {&DiagnosisRow::lr, &DiagnosisRow::predicted_norm, &DiagnosisRow::predicted_angle,
                            &DiagnosisRow::doubled_norm, &DiagnosisRow::doubled_angle})
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
  const std::size_t all = windows.size(), rest = first_at_rest(windows);
  const std::size_t settled = rest < all ? rest : 0;
  std::size_t from = all - (all - settled + 3) / 4;
  if (rest < all) {
    out.since = windows[rest].epoch;
    const double relaxation = windows.back().relaxation();
    while (from > rest && static_cast<double>(end - windows[from - 1].step) < relaxation) --from;
  }
  out.windows = static_cast<std::int64_t>(all - from);
  out.steps = end - (from > 0 ? windows[from - 1].step : 0);
  for (const DiagnosisRow& row : rows)
    if (row.step == end && has_equilibrium(row)) out.layers.push_back(averaged(row, rows, windows[from].step));
  for (const DiagnosisRow& layer : out.layers) {
    if (layer.at_rest) continue;
    const auto moved = std::find_if(rows.rbegin(), rows.rend(), [&](const DiagnosisRow& row) {
      return row.parameter == layer.parameter && has_equilibrium(row) && !row.at_rest;
    });
    out.moving.push_back(*moved);
  }
  return out;
}

// Rows of those windows for which it holds.
std::vector<DiagnosisRow> rows_of(const std::vector<DiagnosisRow>& rows, const std::vector<Window>& windows,
                                  const auto& holds) {
  std::vector<DiagnosisRow> out;
  for (const Window& window : windows)
    if (holds(window))
      std::ranges::copy_if(rows, std::back_inserter(out), [&](const auto& row) { return row.step == window.step; });
  return out;
}

// Whether the learning rate has more than halved within the relaxation time of the end.
bool fell_too_fast(const std::vector<Window>& windows) {
  const Window& end = windows.back();
  return std::ranges::any_of(windows, [&](const Window& w) {
    return static_cast<double>(end.step - w.step) < end.relaxation() && end.lr < w.lr / 2;
  });
}

// As at_rest(), where the learning rate fell too fast: the windows near its peak.
AtRest near_the_peak(const std::vector<DiagnosisRow>& rows, const std::vector<Window>& windows) {
  const Window& peak = *std::ranges::max_element(windows, {}, &Window::lr);
  const auto near = [&](const Window& w) { return w.lr >= most * peak.lr; };
  AtRest out = at_rest_to_the_end(rows_of(rows, windows, near));
  out.peak = {.lr = peak.lr, .relaxation = peak.relaxation(), .steps = 0};
  std::int64_t before = 0;
  for (const Window& window : windows) {
    if (near(window)) {
      out.peak->steps += window.step - before;
      out.until = window.epoch;
    }
    before = window.step;
  }
  return out;
}

}  // namespace

AtRest at_rest(const std::vector<DiagnosisRow>& rows) {
  AtRest end = at_rest_to_the_end(rows);
  const std::vector<Window> windows = windows_of(rows);
  if (end.since > 0 || windows.empty()) return end;
  end.last_lr = windows.back().lr;
  // Of windows that rest those whose learning rate is within a tenth of the highest: means over a rate that falls would
  // be of no rate, and errors of both signs would cancel in them.
  double highest = 0;
  for (const Window& w : windows)
    if (w.rests()) highest = std::max(highest, w.lr);
  const auto last = std::find_if(windows.rbegin(), windows.rend(),
                                 [&](const Window& w) { return w.rests() && w.lr >= most * highest; });
  AtRest out;
  if (last != windows.rend() && end.last_lr < 0.9 * last->lr) {
    out = at_rest_to_the_end(rows_of(rows, windows, [&](const Window& w) { return w.step <= last->step; }));
    out.until = last->epoch;
    out.until_lr = last->lr;
  } else if (fell_too_fast(windows)) {
    out = near_the_peak(rows, windows);
  } else {
    return end;
  }
  // Left behind, layers are what they are in the last window.
  out.last_lr = end.last_lr;
  out.moving.clear();
  for (const DiagnosisRow& row : rows)
    if (row.step == windows.back().step && has_equilibrium(row) && !row.at_rest) out.moving.push_back(row);
  return out;
}

}  // namespace ebb
