/// \file
/// Diagnostics: what a training does to its weights, measured as it runs, with what it should be beside.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "lab/audit/audit.h"
#include "lab/diagnose/diagnosis.h"
#include "lab/training/train_observer.h"
#include "optim/optimizer.h"
#include "optim/step_observer.h"

namespace ebb {

namespace detail {
struct Course;
}

/// How a training is looked at.
struct DiagnoseOptions {
  /// Steps from one measurement, of two neighbouring steps, to the next; 0: as often as `budget` allows, by
  /// affordable_interval().
  std::int64_t every = 0;
  double budget = 0.05;        ///< Of the time of a step.
  double step_work = 0;        ///< Multiply-adds of a step, backward pass included; 0: not known.
  std::int64_t window = 0;     ///< Updates in a row of the results; 0: eight measurements.
  double steps_per_epoch = 0;  ///< Updates in an epoch, to name it; 0: not known.
  double dead = 1e-3;          ///< Scales of norms below this count as dead.
};

/// How often two steps can be measured at a price of `budget` of all steps: from counted work, not by the clock, so
/// that the same steps are measured wherever and however often a training runs. \param values of all parameters. \param
/// step_work multiply-adds of a step. \returns 2 to 1000.
std::int64_t affordable_interval(double values, double step_work, double budget);

/// Steps from one measurement to the next that `options` come to with this optimizer.
std::int64_t interval_for(const Optimizer& optimizer, const DiagnoseOptions& options);

/// Looks on at an optimizer, in a training or in a loop of your own:
///
/// <!-- code: tests/docs/header_examples_test.cpp diagnostics -->
/// ```cpp
/// Diagnostics diagnostics(optimizer, audit(model, images, labels, &optimizer));
/// trainer.add(diagnostics);
/// trainer.run();
/// std::cout << to_csv(diagnostics.rows());
/// ```
///
/// Weights get the same bits as without, and the rows are the same for any number of threads. As an observer of a
/// trainer it is part of the saved state: a training that went on from a checkpoint has the rows of one that was not
/// stopped.
class Diagnostics : public StepObserver, public TrainObserver {
 public:
  /// \param optimizer must outlive this object.
  /// \param audit of its model, for positions and granularity; parameters that it does not know are plain.
  /// \throws Error for options that make no sense.
  Diagnostics(Optimizer& optimizer, const Audit& audit, const DiagnoseOptions& options = {});
  ~Diagnostics() override;
  Diagnostics(const Diagnostics&) = delete;
  Diagnostics& operator=(const Diagnostics&) = delete;

  /// Rows of the windows that are complete: window by window, parameters in the order of the optimizer.
  const std::vector<DiagnosisRow>& rows() const;

  /// Ends the window before its time, unless nothing was measured in it. A trainer's last epoch does so.
  void end_window();

  /// Steps from one measurement to the next.
  std::int64_t every() const;

  bool wants(std::int64_t step) override;
  void before(const ParameterState& p, const Step& step) override;
  void after(const ParameterState& p, const Step& step) override;
  void done(std::int64_t step) override;
  void on_epoch(const Trainer& trainer, const EpochResult& epoch) override;
  void save_state(TrainState& into) const override;
  void load_state(const TrainState& from) override;

 private:
  std::unique_ptr<detail::Course> course_;
};

}  // namespace ebb
