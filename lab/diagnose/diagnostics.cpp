#include "lab/diagnose/diagnostics.h"

#include <algorithm>
#include <cmath>

#include "framework/tensor/error.h"
#include "lab/diagnose/course.h"
#include "lab/training/trainer.h"

namespace ebb {

std::int64_t interval_for(const Optimizer& optimizer, const DiagnoseOptions& options) {
  if (options.every > 0) return options.every;
  double values = 0;
  for (const Group& group : optimizer.groups()) values += static_cast<double>(group.values());
  return affordable_interval(values, options.step_work, options.budget);
}

std::int64_t affordable_interval(double values, double step_work, double budget) {
  // Estimates in multiply-adds of a step on a machine where those are fast: of measuring a number, and of the
  // optimizer's work on it.
  constexpr double measured = 500, updated = 30;
  const double step = step_work + updated * values;
  if (!(values > 0)) return 2;
  return static_cast<std::int64_t>(std::clamp(std::ceil(2 * measured * values / (budget * step)), 2.0, 1000.0));
}

Diagnostics::Diagnostics(Optimizer& optimizer, const Audit& audit, const DiagnoseOptions& options) {
  if (options.every < 0) fail("diagnostics", text("every = ", options.every), "0 or more");
  if (options.window < 0) fail("diagnostics", text("window = ", options.window), "0 or more");
  if (!(options.budget > 0)) fail("diagnostics", text("budget = ", options.budget), "a number above 0");
  if (!(options.dead >= 0)) fail("diagnostics", text("dead = ", options.dead), "0 or more");
  course_ = std::make_unique<detail::Course>(optimizer, audit, options, interval_for(optimizer, options));
  optimizer.add(*this);
}

Diagnostics::~Diagnostics() { course_->optimizer.remove(*this); }

const std::vector<DiagnosisRow>& Diagnostics::rows() const { return course_->rows; }

std::int64_t Diagnostics::every() const { return course_->every; }

void Diagnostics::end_window() { course_->end_window(); }

bool Diagnostics::wants(std::int64_t step) {
  course_->begin_step(step);
  return course_->measures(step) || course_->closes(step);
}

void Diagnostics::before(const ParameterState& p, const Step& step) {
  if (course_->measures(step.context.step)) course_->watched(p).keep_weight();
}

void Diagnostics::after(const ParameterState& p, const Step& step) {
  if (!course_->measures(step.context.step)) return;
  course_->steps[p.group] = step;
  course_->watched(p).add(step, course_->optimizer.update_model(p.group), step.context.step);
}

void Diagnostics::done(std::int64_t step) {
  if (course_->closes(step)) course_->end_window();
}

void Diagnostics::on_epoch(const Trainer& trainer, const EpochResult& /*epoch*/) {
  if (trainer.done()) course_->end_window();
}

void Diagnostics::save_state(TrainState& into) const { course_->save(into); }

void Diagnostics::load_state(const TrainState& from) { course_->load(from); }

}  // namespace ebb
