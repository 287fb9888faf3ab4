#include "lab/program/progress_display.h"

#include <cmath>
#include <cstdio>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "lab/format/numbers.h"
#include "lab/training/trainer.h"

namespace ebb {

ProgressDisplay::ProgressDisplay() = default;
ProgressDisplay::~ProgressDisplay() = default;

void ProgressDisplay::print_head(const std::string& evaluated_on) const {
  std::printf("%5s  %8s  %10s  %9s  %10s  %9s  %9s  %8s\n", "epoch", "lr", "train loss", "train acc",
              evaluated_on == "test" ? "test loss" : "val loss", evaluated_on == "test" ? "test acc" : "val acc",
              "images/s", "seconds");
  std::fflush(stdout);
}

void ProgressDisplay::on_step(const Trainer& trainer, const StepResult& step) {
  if (!line_)
    line_ = std::make_unique<Progress>(text("epoch ", step.epoch, '/', trainer.options().epochs), step.epoch_samples,
                                       "images", step.samples);
  if (!line_->due()) return;
  const auto left = static_cast<double>((trainer.options().epochs - step.epoch + 1) * step.batches - step.position);
  const double seconds = left * step.seconds / static_cast<double>(step.position);
  const bool last = step.epoch == trainer.options().epochs;
  line_->update(step.samples, text("loss ", decimal(step.mean_loss, 4, "none"),
                                   last ? std::string() : text(", run ", clock_text(seconds), " left")));
}

void ProgressDisplay::on_epoch(const Trainer&, const EpochResult& e) {
  wipe();
  const char* const missing = std::isfinite(e.evaluation_accuracy) ? "not finite" : "-";  // an epoch without evaluation
  std::printf("%5lld  %8.5f  %10s  %9s  %10s  %9s  %9s  %8.1f\n", static_cast<long long>(e.epoch), e.lr,
              decimal(e.train_loss, 4, "none").c_str(), percent(e.train_accuracy, 2, "none").c_str(),
              decimal(e.evaluation_loss, 4, missing).c_str(), percent(e.evaluation_accuracy, 2, missing).c_str(),
              grouped(static_cast<std::int64_t>(e.images_per_second)).c_str(), e.seconds);
  std::fflush(stdout);
}

void ProgressDisplay::on_event(const Trainer&, const TrainEvent& event) {
  wipe();
  std::printf("%s: %s\n", printable_line(event.kind).c_str(), printable(event.text).c_str());
  std::fflush(stdout);
}

void ProgressDisplay::wipe() { line_.reset(); }

}  // namespace ebb
