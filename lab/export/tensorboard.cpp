#include "lab/export/tensorboard.h"

#include <algorithm>
#include <cmath>
#include <utility>

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

TensorBoard::TensorBoard(const Directory& run, Layer& model, std::int64_t next_step, std::string evaluated_on,
                         std::function<Tensor()> filters)
    : model_(model),
      evaluated_on_(std::move(evaluated_on)),
      filters_(std::move(filters)),
      file_(std::make_unique<detail::EventFile>(folder_of(run), next_step)) {}

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
  const Tensor filters = filters_ ? filters_() : Tensor();
  if (filters.defined()) values.pictures.emplace_back("filters", filters);
  file_->append(detail::event_record(values));
}

void TensorBoard::on_event(const Trainer& trainer, const TrainEvent& event) {
  if (event.kind == "rollback") file_->append(detail::event_restart(detail::wall_time(), trainer.batches_done() + 1));
}

std::string tensorboard_events(const LogContents& log) {
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
    out += detail::event_record(of_epoch(epoch, at, log.evaluated_on, seconds));
  }
  for (; step != log.steps.end(); ++step) out += detail::event_record(of_step(*step, seconds));
  return out;
}

}  // namespace ebb
