/// \file
/// Trainer: steps, epochs, evaluation and the state of a training, for people who write their own main.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/loader.h"
#include "framework/nn/layer.h"
#include "framework/parallel/communicator.h"
#include "lab/training/evaluation.h"
#include "lab/training/exchange_times.h"
#include "lab/training/summary.h"
#include "lab/training/train_observer.h"
#include "lab/training/train_state.h"
#include "lab/training/trainer_counters.h"
#include "lab/training/trainer_options.h"
#include "optim/optimizer.h"

namespace ebb {

struct BatchSums;
class ShardedBatch;

/// Trains a classifier with softmax cross-entropy, batch by batch:
///
/// <!-- code: tests/docs/header_examples_test.cpp trainer -->
/// ```cpp
/// Trainer trainer(model, optimizer, train, test, {.epochs = 10});
/// while (!trainer.done()) trainer.step();
/// std::cout << trainer.summary().test_accuracy;
/// ```
///
/// With `swa_from` it ends with the mean (Swa) of the weights at the ends of epochs, from that one, counted from one.
/// Its batch norms get statistics of their own, from one more pass; earlier evaluations are of the weights themselves.
/// The same data, options and seeds give the same bits, however often the training was saved and loaded on the way.
///
/// With `shards` a batch is cut into as many parts, whose losses and gradients are added up by a fixed tree. Several
/// ranks may then share the work: each has a trainer of its own with the same model, data and options, and computes its
/// shards. What comes of it depends on the shards and not on the ranks, bit for bit; see docs/distributed.md.
class Trainer {
 public:
  /// The model, the optimizer, the loaders and the communicator must outlive the trainer.
  /// \param evaluated the data of the evaluations: validation or test data, not shuffled.
  /// \param ranks those that train together, at most as many as there are shards; all make the same calls.
  /// \throws Error for options that make no sense.
  Trainer(Layer& model, Optimizer& optimizer, const Loader& train, const Loader& evaluated, TrainerOptions options = {},
          parallel::Communicator& ranks = parallel::alone());
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// Trains on the next batch, each module in the mode that it is in: training mode unless it was put into eval mode,
  /// as a norm that is frozen may be; a model in eval mode as a whole is an event of kind "warning". The last batch of
  /// an epoch brings its evaluation. Where that was stopped, the next step makes it, and does nothing else. An
  /// accumulated update that the last epoch leaves incomplete is made from the batches that there are.
  /// \throws Error before the first step of this object as require_last_batches() does and where ranks differ, when
  /// done, when the last epoch ends without any update, and as TrainerOptions::non_finite says.
  StepResult step() { return step({}); }

  /// True after the last epoch, or when patience ran out.
  bool done() const;

  /// Steps until done, or until `stop` says so. It is asked before each step and before each batch of an evaluation;
  /// one that is stopped leaves nothing behind and is made again from its beginning by the next step, also after
  /// save_state() and load_state(). Of several ranks each has its own `stop`, asked before each batch alone; where one
  /// says so all stop after that batch, or as soon as they can be saved.
  /// \returns done().
  bool run(const std::function<bool()>& stop = {});

  /// Tells `observer` what happens from now on; it must outlive the trainer. What it saves is in the state from then
  /// on.
  void add(TrainObserver& observer) { observers_.push_back(&observer); }

  /// Tells the observers of an event.
  void report(const TrainEvent& event) const;

  /// Tells the observers that a phase begins: for observers that do something of a kind of its own, as saving.
  void enter(TrainPhase phase) const;

  /// False in the middle of an update, of an accumulated one too: gradients are not part of the state.
  bool can_save() const { return !optimizer_.accumulating() && !gradients_stand_; }

  /// A copy of everything. \throws Error unless can_save().
  TrainState save_state() const;

  /// Goes on from there. Nothing is changed unless all of it was read and is right.
  /// \returns what is other than it was: settings, groups and state of the optimizer, averages.
  /// \throws Error for a state of another model, optimizer or data set size, and for one that is damaged: a counter, a
  /// tensor or a setting that is missing, out of range, or does not suit the others.
  OptimizerLoadReport load_state(const TrainState& state, const StateOptions& options = {});

  /// The weights that the training ends with at this moment: the best ones, their average, or the model's own.
  State final_weights() const;

  /// What final_weights() do on `data`.
  Evaluation evaluate_final(const Loader& data);

  /// What the training came to so far, but for the names of recipe, data and model; its test figures are those of the
  /// last evaluation.
  TrainSummary summary();

  /// Batches so far.
  std::int64_t batches_done() const { return counters_.epoch * train_.batches() + counters_.position; }

  std::int64_t epoch() const { return counters_.epoch; }          ///< Complete epochs.
  std::int64_t best_step() const { return counters_.best_step; }  ///< batches_done() at the best evaluation; 0: none.
  const Evaluation& evaluation();                                 ///< The last one; made now if there was none.
  const std::vector<EpochResult>& curve() const { return counters_.curve; }  ///< A point for each epoch.
  const TrainerOptions& options() const { return options_; }                 ///< As given.
  const Optimizer& optimizer() const { return optimizer_; }                  ///< As given.
  ExchangeTimes exchange_times() const;                                      ///< Of this object's steps so far.

 private:
  struct Walk;    // an epoch and the place in it
  struct Loaded;  // a state that was checked

  StepResult step(const std::function<bool()>& stop);
  Loaded check(const TrainState& state, const StateOptions& options) const;
  bool ends_with_mean() const;
  WeightAverage* average();
  bool renew_statistics(const std::function<bool()>& stop);
  void begin_epoch();
  void leave_epoch();
  void finish_epoch(const std::function<bool()>& stop);
  bool learn(const Batch& batch, StepResult& result);
  BatchSums compute(const Batch& batch);
  std::int64_t samples_of_batch() const;
  bool run_together(const std::function<bool()>& stop);
  void require_agreement();
  bool take_evaluation(EpochResult& result);
  void handle_non_finite(const Batch& batch, const std::string& what);
  bool accept_evaluation();
  std::string find_non_finite_evaluation();
  void go_back(const std::string& why);
  void show_gradients(const StepResult& result);
  void count(const BatchSums& batch);
  std::vector<GroupMeasure> measure() const;
  State averaged_weights() const;
  std::optional<Evaluation> evaluate_now(const std::function<bool()>& stop);

  Layer& model_;
  Optimizer& optimizer_;
  const Loader& train_;
  const Loader& evaluated_;
  TrainerOptions options_;
  parallel::Communicator& ranks_;
  std::unique_ptr<ShardedBatch> sharded_;     // with two shards or more
  bool wishes_stop_ = false, stops_ = false;  // of several ranks: this one, and all
  std::vector<TrainObserver*> observers_;
  std::unique_ptr<Walk> walk_;
  std::optional<Ema> ema_;
  std::optional<Swa> swa_;
  std::optional<Lookahead> lookahead_;
  BufferSnapshot buffers_;
  double base_lr_, step_seconds_ = 0;
  bool batches_tried_ = false, warned_of_mode_ = false, gradients_stand_ = false;
  std::optional<Evaluation> evaluation_;

  // The state beside model, optimizer and averages.
  TrainerCounters counters_;
  State best_weights_;
  std::optional<TrainState> snapshot_;
};

}  // namespace ebb
