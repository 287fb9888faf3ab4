// The progress of a training in a terminal.
#pragma once

#include <memory>

#include "lab/program/progress.h"
#include "lab/training/train_observer.h"

namespace ebb {

// Draws a progress line for each epoch on standard error, and prints a table of epochs and events on standard output.
// Without a terminal there is no line.
class ProgressDisplay : public TrainObserver {
 public:
  ProgressDisplay();
  ~ProgressDisplay() override;

  // Prints the heads of the table's columns.
  // \param evaluated_on what evaluations are made on: "test" or "validation".
  void print_head(const std::string& evaluated_on) const;

  void on_step(const Trainer& trainer, const StepResult& step) override;
  void on_epoch(const Trainer& trainer, const EpochResult& epoch) override;
  void on_event(const Trainer& trainer, const TrainEvent& event) override;

  // Takes the line off the screen, to print something else.
  void wipe();

 private:
  std::unique_ptr<Progress> line_;
};

}  // namespace ebb
