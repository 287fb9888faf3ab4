#include "lab/export/tensorboard.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "framework/io/byte_source.h"
#include "framework/tensor/printable.h"
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
}

TensorBoard::~TensorBoard() = default;

const std::string& TensorBoard::problem() const { return file_->problem(); }

void TensorBoard::on_step(const Trainer&, const StepResult& step) {
  if (!step.groups.empty()) file_->append(detail::event_record(of_step(step, detail::wall_time())));
}

void TensorBoard::on_epoch(const Trainer& trainer, const EpochResult& epoch) {
  EventValues values = of_epoch(epoch, trainer.batches_done(), evaluated_on_, detail::wall_time());
  for (const NamedParameter& p : model_.named_parameters()) {
    if (p.parameter->role() == Role::weight)
      values.histograms.emplace_back(printable_line("weights/" + p.path), p.parameter->value());
  }
  if (pictures_) put(values, pictures_(epoch));
  file_->append(detail::event_record(values));
}

void TensorBoard::on_event(const Trainer& trainer, const TrainEvent& event) {
  if (event.kind == "rollback") file_->append(detail::event_restart(detail::wall_time(), trainer.batches_done() + 1));
}

std::string tensorboard_events(const LogContents& log, const TensorBoard::Pictures& pictures) {
  std::string out = detail::event_head(0);
  double seconds = 0;
  auto step = log.steps.begin();
  const auto in = [&](std::int64_t epoch) { return step != log.steps.end() && step->epoch <= epoch; };
  for (const EpochResult& epoch : log.epochs) {
    const auto first = step;
    while (in(epoch.epoch)) ++step;
    const auto count = static_cast<double>(step - first);
    for (auto s = first; s != step; ++s)
      out += detail::event_record(of_step(*s, seconds + epoch.seconds * static_cast<double>(s - first) / count));
    seconds += std::isfinite(epoch.seconds) ? epoch.seconds : 0;
    const auto end = log.ends.find(epoch.epoch);
    const std::int64_t at = end != log.ends.end() ? end->second : step == log.steps.begin() ? 0 : (step - 1)->step;
    EventValues values = of_epoch(epoch, at, log.evaluated_on, seconds);
    if (&epoch == &log.epochs.back()) put(values, pictures);
    out += detail::event_record(values);
  }
  for (; step != log.steps.end(); ++step) out += detail::event_record(of_step(*step, seconds));
  return out;
}

}  // namespace ebb
