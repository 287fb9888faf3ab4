#include "lab/export/tensorboard.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "framework/io/byte_source.h"
#include "framework/tensor/printable.h"
#include "framework/tensor/text.h"
#include "lab/export/event_file.h"
#include "lab/export/event_record.h"
#include "lab/runs/run_files.h"
#include "lab/training/trainer.h"

namespace ebb {
namespace {

using detail::EventValues;

Directory folder_of(const Directory& run) {
  run.make(run_files::tensorboard);
  return Directory(run, run_files::tensorboard);
}

// What is not finite is left out: a curve has a gap there.
void put(EventValues& values, const std::string& tag, double number) {
  if (std::isfinite(number)) values.scalars.emplace_back(printable_line(tag), number);
}

void put(EventValues& values, const TensorBoard::Pictures& pictures) {
  for (const auto& [name, picture] : pictures)
    if (picture.defined()) values.pictures.emplace_back(name, picture);
}

EventValues of_step(const StepResult& step, double wall_time) {
  EventValues out{.wall_time = wall_time, .step = step.step};
  put(out, "loss/batch", step.loss);
  put(out, "lr", step.lr);
  for (const GroupMeasure& group : step.groups) {
    put(out, group.name + "/lr", group.lr);
    put(out, group.name + "/lambda", group.lambda);
    put(out, group.name + "/shrink", group.shrink);
    put(out, group.name + "/weight_norm", group.weight_norm);
    put(out, group.name + "/gradient_norm", group.gradient_norm);
    put(out, group.name + "/effective_lr", group.lr / (group.weight_norm * group.weight_norm));
  }
  return out;
}

EventValues of_epoch(const EpochResult& epoch, std::int64_t step, const std::string& evaluated_on, double wall_time) {
  EventValues out{.wall_time = wall_time, .step = step};
  put(out, "loss/train", epoch.train_loss);
  put(out, "accuracy/train", epoch.train_accuracy);
  put(out, "loss/" + evaluated_on, epoch.evaluation_loss);
  put(out, "accuracy/" + evaluated_on, epoch.evaluation_accuracy);
  return out;
}

// Those that differ from window to window. Learning rate and decay stand with the groups.
bool shown(const DiagnosisColumn& column) {
  static const std::set<std::string> constants{"step",     "epoch", "values", "channels",
                                               "measured", "lr",    "lambda", "shrink"};
  return !constants.contains(column.name) && !column.name.ends_with("_low") && !column.name.ends_with("_high");
}

// As diagnostics.csv has it, so that a curve is the same when it is made from there.
double in_file(double value) {
  const std::string digits = rounded(value, 6);
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

// The rows of one window.
EventValues of_window(std::span<const DiagnosisRow> rows, std::int64_t step, double wall_time) {
  EventValues out{.wall_time = wall_time, .step = step};
  for (const DiagnosisRow& row : rows)
    for (const DiagnosisColumn& column : diagnosis_columns())
      if (shown(column)) put(out, text("diagnosis.", row.parameter, '/', column.name), in_file(column.get(row)));
  return out;
}

// How many of them are of the first one's window.
std::size_t first_window(std::span<const DiagnosisRow> rows) {
  const auto end = std::ranges::find_if(rows, [&](const DiagnosisRow& r) { return r.step != rows[0].step; });
  return static_cast<std::size_t>(end - rows.begin());
}

}  // namespace

TensorBoard::TensorBoard(const Directory& run, Layer& model, const Place& place, std::string evaluated_on,
                         std::function<Pictures(const EpochResult&)> pictures)
    : model_(model),
      evaluated_on_(std::move(evaluated_on)),
      pictures_(std::move(pictures)),
      file_(std::make_unique<detail::EventFile>(folder_of(run), place.batches + (place.before_evaluation ? 0 : 1))) {
  // An epoch's points stand at its last step. A process that wrote them may have been killed before its checkpoint:
  // they are taken back with those of the step, which come again from the log.
  if (!place.before_evaluation || run.entry(run_files::log.name) == Directory::Entry::nothing) return;
  FileSource source(run, run_files::log.name);
  const LogContents log = read_log(source);
  if (!log.steps.empty() && log.steps.back().step == place.batches)
    file_->append(detail::event_record(of_step(log.steps.back(), detail::wall_time())));
  taken_at_ = place.batches;
  for (const auto& [updates, batches] : log.windows)
    if (batches == place.batches) taken_back_ = updates;
}

TensorBoard::~TensorBoard() = default;

void TensorBoard::follow(const Diagnostics& diagnostics) {
  diagnostics_ = &diagnostics;
  const std::vector<DiagnosisRow>& rows = diagnostics.rows();
  rows_shown_ = rows.size();
  while (taken_back_ > 0 && rows_shown_ > 0 && rows[rows_shown_ - 1].step == taken_back_) --rows_shown_;
  show_windows(taken_at_);
}

// Those that ended since the last call.
void TensorBoard::show_windows(std::int64_t step) {
  if (diagnostics_ == nullptr) return;
  for (std::span<const DiagnosisRow> rows = diagnostics_->rows(); rows_shown_ < rows.size();) {
    const auto rest = rows.subspan(rows_shown_);
    const std::size_t count = first_window(rest);
    file_->append(detail::event_record(of_window(rest.first(count), step, detail::wall_time())));
    rows_shown_ += count;
  }
}

const std::string& TensorBoard::problem() const { return file_->problem(); }

void TensorBoard::on_step(const Trainer&, const StepResult& step) {
  if (!step.groups.empty()) file_->append(detail::event_record(of_step(step, detail::wall_time())));
  show_windows(step.step);
}

void TensorBoard::on_epoch(const Trainer& trainer, const EpochResult& epoch) {
  show_windows(trainer.batches_done());
  EventValues values = of_epoch(epoch, trainer.batches_done(), evaluated_on_, detail::wall_time());
  for (const NamedParameter& p : model_.named_parameters()) {
    if (p.parameter->role() == Role::weight)
      values.histograms.emplace_back(printable_line("weights/" + p.path), p.parameter->value());
  }
  if (pictures_) put(values, pictures_(epoch));
  file_->append(detail::event_record(values));
}

void TensorBoard::on_event(const Trainer& trainer, const TrainEvent& event) {
  if (event.kind != "rollback") return;
  file_->append(detail::event_restart(detail::wall_time(), trainer.batches_done() + 1));
  if (diagnostics_ != nullptr) rows_shown_ = std::min(rows_shown_, diagnostics_->rows().size());
}

std::string tensorboard_events(const LogContents& log, std::span<const DiagnosisRow> diagnosis,
                               const TensorBoard::Pictures& pictures) {
  std::string out = detail::event_head(0);
  double seconds = 0;
  auto step = log.steps.begin();
  const auto in = [&](std::int64_t epoch) { return step != log.steps.end() && step->epoch <= epoch; };
  // Windows that ended up to a step. Logs of old do not say at which batch: at the update of that number.
  const auto windows = [&](std::int64_t last, double time) {
    while (!diagnosis.empty()) {
      const auto found = log.windows.find(diagnosis[0].step);
      const std::int64_t at = found == log.windows.end() ? diagnosis[0].step : found->second;
      if (at > last) return;
      const std::size_t count = first_window(diagnosis);
      out += detail::event_record(of_window(diagnosis.first(count), at, time));
      diagnosis = diagnosis.subspan(count);
    }
  };
  for (const EpochResult& epoch : log.epochs) {
    const auto first = step;
    while (in(epoch.epoch)) ++step;
    const auto count = static_cast<double>(step - first);
    for (auto s = first; s != step; ++s) {
      const double time = seconds + epoch.seconds * static_cast<double>(s - first) / count;
      windows(s->step, time);
      out += detail::event_record(of_step(*s, time));
    }
    seconds += std::isfinite(epoch.seconds) ? epoch.seconds : 0;
    const auto end = log.ends.find(epoch.epoch);
    const std::int64_t at = end != log.ends.end() ? end->second : step == log.steps.begin() ? 0 : (step - 1)->step;
    windows(at, seconds);
    EventValues values = of_epoch(epoch, at, log.evaluated_on, seconds);
    if (&epoch == &log.epochs.back()) put(values, pictures);
    out += detail::event_record(values);
  }
  for (; step != log.steps.end(); ++step) out += detail::event_record(of_step(*step, seconds));
  windows(std::numeric_limits<std::int64_t>::max(), seconds);
  return out;
}

}  // namespace ebb
