/// \file
/// What a training shows in TensorBoard.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "framework/io/directory.h"
#include "framework/nn/layer.h"
#include "lab/diagnose/diagnostics.h"
#include "lab/runs/run_log.h"
#include "lab/training/train_observer.h"

namespace ebb {

namespace detail {
class EventFile;
}

/// Writes what happens into files events.out.tfevents.* of a run's directory "tensorboard", as it happens. At the steps
/// that TrainerOptions::measure_every names, all under the number of batches so far:
///
///     loss/batch, lr
///     GROUP/lr, GROUP/lambda, GROUP/shrink, GROUP/weight_norm, GROUP/gradient_norm
///     GROUP/effective_lr                  lr over the squared norm of the weights
///
/// at the end of each window of a training that is diagnosed, for each parameter:
///
///     diagnosis.PATH/norm, /norm_predicted, /angle, /drift, ...
///                                         columns of diagnostics.csv that are no quantile and not those above
///
/// and after each epoch:
///
///     loss/train, accuracy/train          over the epoch
///     loss/test, accuracy/test            or /validation
///     weights/PATH                        histograms of parameters whose role is weight
///     and pictures that were asked for    by their names
///
/// A training that goes on, and one that goes back, first tells the reader to forget what stood behind that step. A
/// killed process leaves files that are readable up to the last whole record.
class TensorBoard : public TrainObserver {
 public:
  /// By name, u8 `[h, w, 1 or 3]`; those that are undefined are left out.
  using Pictures = std::vector<std::pair<std::string, Tensor>>;

  /// Where a training begins or goes on.
  struct Place {
    std::int64_t batches = 0;        ///< So far.
    bool before_evaluation = false;  ///< Whether they end an epoch whose evaluation is still to come.
  };

  /// \param run the run directory; the model must outlive this object.
  /// \param place where the training goes on. \param evaluated_on "test" or "validation".
  /// \param pictures what is shown after each epoch; none: nothing.
  /// \throws Error naming file and cause.
  TensorBoard(const Directory& run, Layer& model, const Place& place, std::string evaluated_on,
              std::function<Pictures(const EpochResult&)> pictures = {});
  ~TensorBoard() override;
  TensorBoard(const TensorBoard&) = delete;
  TensorBoard& operator=(const TensorBoard&) = delete;

  /// From now on shows the rows of `diagnostics` too, which must be an observer of the trainer before this object, and
  /// outlive it.
  void follow(const Diagnostics& diagnostics);

  /// What is wrong while records wait to be written; empty otherwise.
  const std::string& problem() const;

  void on_step(const Trainer& trainer, const StepResult& step) override;
  void on_epoch(const Trainer& trainer, const EpochResult& epoch) override;
  void on_event(const Trainer& trainer, const TrainEvent& event) override;

 private:
  void show_windows(std::int64_t step);

  Layer& model_;
  std::string evaluated_on_;
  std::function<Pictures(const EpochResult&)> pictures_;
  std::unique_ptr<detail::EventFile> file_;
  const Diagnostics* diagnostics_ = nullptr;
  std::size_t rows_shown_ = 0;   // of the diagnosis
  std::int64_t taken_back_ = 0;  // updates at the end of a window that is to be shown again, and
  std::int64_t taken_at_ = 0;    // the batches there
};

/// The scalars of a run that was trained without, from its log: the bytes of an event file. Its times are those of the
/// training alone, from 0 on.
/// \param diagnosis rows of diagnostics.csv, if there is one. \param pictures stand at the last epoch.
std::string tensorboard_events(const LogContents& log, std::span<const DiagnosisRow> diagnosis = {},
                               const TensorBoard::Pictures& pictures = {});

}  // namespace ebb
