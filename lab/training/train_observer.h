/// \file
/// What a training tells to those who look on: logs, displays, checkpoints.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lab/training/summary.h"
#include "lab/training/train_state.h"

namespace ebb {

class Trainer;

/// A group of the optimizer at one step.
struct GroupMeasure {
  std::string name;          ///< Of the group.
  double lr = 0;             ///< Learning rate of the step.
  double lambda = 0;         ///< Strength of the decay at the step.
  double shrink = 0;         ///< Share of the weights that decay takes, as shrink_of() says.
  double weight_norm = 0;    ///< Norm of all parameters of the group, before the step.
  double gradient_norm = 0;  ///< Norm of their gradients, before clipping.
};

/// One batch.
struct StepResult {
  std::int64_t step = 0;             ///< Batches so far, this one included.
  std::int64_t epoch = 0;            ///< Counted from 1.
  std::int64_t position = 0;         ///< Batches of the epoch so far, this one included.
  std::int64_t batches = 0;          ///< Batches of an epoch.
  std::int64_t samples = 0;          ///< Samples of the epoch so far.
  std::int64_t epoch_samples = 0;    ///< Samples of an epoch.
  double seconds = 0;                ///< Spent on the epoch so far.
  double loss = 0;                   ///< Of this batch.
  double mean_loss = 0;              ///< Of the epoch so far; NaN when all batches were left out.
  double lr = 0;                     ///< Of the group with most values at this step.
  bool updated = false;              ///< False while gradients are accumulated, and when the batch was left out.
  std::vector<GroupMeasure> groups;  ///< At the steps that TrainerOptions::measure_every names.
};

/// Something out of the ordinary.
struct TrainEvent {
  std::string kind;  ///< "skip", "rollback", "stop", "early stop", "warning".
  std::string text;  ///< What happened, a sentence.
};

/// What a training does at a time; one phase ends where the next one begins.
enum class TrainPhase : std::uint8_t {
  none,        ///< Nothing: between two calls of step().
  loader,      ///< The next batch is waited for.
  forward,     ///< The loss of a batch is computed,
  backward,    ///< its gradients,
  optimizer,   ///< and the update, with what is counted and measured for it.
  observers,   ///< Observers look on after a step, an epoch or an event: logs, displays.
  evaluation,  ///< The weights are evaluated.
  checkpoint,  ///< The state is saved.
};

/// Looks on at a training. Override what is of interest; the trainer's state is complete at each call, and may be
/// saved where Trainer::can_save() says so.
class TrainObserver {
 public:
  virtual ~TrainObserver() = default;

  /// After the backward pass of a batch and before the optimizer's step: the gradients stand in Parameter::grad(), over
  /// an accumulated update so far their sum. Sums over the epoch in `step` do not have this batch yet, and the trainer
  /// cannot be saved. Not called for batches that the guard leaves out. Where it throws, the batch is left out, with
  /// what was accumulated.
  virtual void on_gradients(const Trainer& /*trainer*/, const StepResult& /*step*/) {}

  virtual void on_step(const Trainer& /*trainer*/, const StepResult& /*step*/) {}     ///< After each batch.
  virtual void on_epoch(const Trainer& /*trainer*/, const EpochResult& /*epoch*/) {}  ///< After an epoch's last batch.
  virtual void on_event(const Trainer& /*trainer*/, const TrainEvent& /*event*/) {}   ///< As it happens.

  /// A phase begins; Trainer::batches_done() says of which batch.
  virtual void on_phase(const Trainer& /*trainer*/, TrainPhase /*phase*/) {}

  /// Adds to a state that is being saved what the observer needs to go on: tensors and texts whose names begin with
  /// "observer/" and a name of its own.
  virtual void save_state(TrainState& /*into*/) const {}
  /// Goes on from a state that the trainer loads. Where it throws, nothing has changed.
  virtual void load_state(const TrainState& /*from*/) {}
};

}  // namespace ebb
