#include "lab/diagnose/course.h"

#include <algorithm>
#include <cmath>

#include "lab/audit/predict.h"

namespace ebb::detail {

void DecayAlone::step(const UpdateModel& update, const DecayTerms& t, double lr) {
  const bool coupled = t.l2_gradient != 0, linear = update.kind == UpdateModel::Kind::linear;
  // No number: where gradients decide, or the weight's size does.
  if ((coupled && !linear) || t.cautious || t.l1_gradient != 0 || t.threshold != 0) weight = DiagnosisRow::missing;
  const double pull = t.l2_gradient * weight;
  if (linear) buffer = update.pole * buffer + pull;
  const double moved = linear ? update.direct * pull + update.gain * buffer : 0;
  weight = ((1 - t.shrink - lr * t.l2_update) * weight - lr * moved) / t.divide;
}

Course::Course(Optimizer& o, const Audit& audit, const DiagnoseOptions& given, std::int64_t interval)
    : optimizer(o),
      options(given),
      every(interval),
      window(given.window > 0 ? given.window : 8 * interval),
      steps(o.groups().size()),
      decays(o.groups().size()) {
  for (const ParameterState& p : o.parameters()) all.emplace_back(p, audit);
  begin();
}

void Course::begin() {
  next_step = first_step = optimizer.steps();
  rows.clear();
  row_parameter.clear();
  start.clear();
  std::ranges::fill(decays, DecayAlone{});
  for (Watched& w : all) {
    w.clear();
    w.previous_step = -1;
  }
}

void Course::begin_step(std::int64_t step) {
  if (start.empty()) {
    first_step = step;
    for (const Watched& w : all) start.push_back(w.square());
  }
  next_step = step + 1;
  for (std::size_t g = 0; g < decays.size(); ++g)
    decays[g].step(optimizer.update_model(g), optimizer.terms(g), optimizer.lr(g));
}

void Course::end_window() {
  for (std::size_t i = 0; i < all.size(); ++i) {
    Watched& w = all[i];
    if (w.empty()) continue;
    const std::size_t g = optimizer.parameters()[i].group;
    const bool predictable = !optimizer.decay(g).from_start;
    DiagnosisRow row = w.named(optimizer);
    w.measure(row, steps[g], predictable ? optimizer.update_model(g) : UpdateModel{}, options.dead);
    row.step = next_step;
    if (options.steps_per_epoch > 0)
      row.epoch = 1 + static_cast<std::int64_t>(static_cast<double>(next_step - 1) / options.steps_per_epoch);
    row.left = predictable ? decays[g].weight : DiagnosisRow::missing;
    judge(row, i);
    rows.push_back(std::move(row));
    row_parameter.push_back(i);
    w.clear();
  }
}

// By how far the norm has gone over the last relaxation time, in shares of itself.
void Course::judge(DiagnosisRow& row, std::size_t parameter) const {
  if (!(row.relaxation > 0)) return;
  double then = start[parameter];
  std::int64_t since = first_step;
  for (std::size_t i = rows.size(); i-- > 0;) {
    if (row_parameter[i] != parameter) continue;
    if (static_cast<double>(row.step - rows[i].step) < row.relaxation) continue;
    then = rows[i].whole_norm * rows[i].whole_norm;
    since = rows[i].step;
    break;
  }
  const double now = row.whole_norm * row.whole_norm, span = static_cast<double>(row.step - since);
  if (!(span > 0)) return;
  row.drift = (now - then) / ((now + then) / 2) * row.relaxation / span;
  row.at_rest = span >= row.relaxation && std::abs(row.drift) <= rest_drift;
}

}  // namespace ebb::detail
