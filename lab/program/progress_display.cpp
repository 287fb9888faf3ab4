#include "lab/program/progress_display.h"

#include <cmath>
#include <cstdio>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "lab/format/numbers.h"
#include "lab/training/trainer.h"

namespace ebb {
namespace {

std::string decimal(double value, int digits) {
  char out[32];
  std::snprintf(out, sizeof out, "%.*f", digits, value);
  return out;
}

// A number of an evaluation, or a dash in an epoch without one.
std::string judged(double value, int digits, const char* unit = "") {
  return std::isfinite(value) ? decimal(value, digits) + unit : "-";
}

}  // namespace

ProgressDisplay::ProgressDisplay() = default;
ProgressDisplay::~ProgressDisplay() = default;

void ProgressDisplay::print_head(const std::string& judged_on) const {
  std::printf("%5s  %8s  %10s  %9s  %10s  %9s  %9s  %8s\n", "epoch", "lr", "train loss", "train acc",
              judged_on == "test" ? "test loss" : "val loss", judged_on == "test" ? "test acc" : "val acc", "images/s",
              "seconds");
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
  line_->update(step.samples, text("loss ", decimal(step.mean_loss, 4),
                                   last ? std::string() : text(", run ", clock_text(seconds), " left")));
}

void ProgressDisplay::on_epoch(const Trainer&, const EpochResult& e) {
  wipe();
  std::printf("%5lld  %8.5f  %10.4f  %7.2f %%  %10s  %9s  %9s  %8.1f\n", static_cast<long long>(e.epoch), e.lr,
              e.train_loss, 100 * e.train_accuracy, judged(e.judged_loss, 4).c_str(),
              judged(100 * e.judged_accuracy, 2, " %").c_str(),
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
