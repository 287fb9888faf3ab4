#include "lab/training/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

#include "framework/compute/basic.h"
#include "framework/io/checksum.h"
#include "framework/ops/loss.h"
#include "framework/tensor/error.h"
#include "lab/training/confusion.h"
#include "lab/training/last_batch.h"
#include "lab/training/sharded_batch.h"
#include "optim/decay_course.h"

namespace ebb {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// NaN for no samples.
double mean(double sum, std::int64_t samples) { return samples == 0 ? nan : sum / static_cast<double>(samples); }

// The group with most values, whose learning rate stands for that of the training.
std::size_t main_group(const Optimizer& optimizer) {
  const auto& groups = optimizer.groups();
  return static_cast<std::size_t>(std::ranges::max_element(groups, {}, &Group::values) - groups.begin());
}

}  // namespace

struct Trainer::Walk {
  explicit Walk(Epoch e) : epoch(std::move(e)), at(epoch.begin()) {}
  Epoch epoch;
  Epoch::Iterator at;
};

Trainer::Trainer(Layer& model, Optimizer& optimizer, const Loader& train, const Loader& evaluated,
                 TrainerOptions options, parallel::Communicator& ranks)
    : model_(model),
      optimizer_(optimizer),
      train_(train),
      evaluated_(evaluated),
      options_(std::move(options)),
      ranks_(ranks),
      buffers_(model),
      base_lr_(optimizer.common().lr),
      counters_{.batches = train.batches(), .epoch_samples = train.samples()} {
  if (options_.epochs < 0) fail("trainer", text("epochs = ", options_.epochs), "0 or more");
  if (options_.evaluate_every < 1) fail("trainer", text("evaluate_every = ", options_.evaluate_every), "1 or more");
  if (options_.snapshot_every < 1) fail("trainer", text("snapshot_every = ", options_.snapshot_every), "1 or more");
  if (train.batches() < 1) fail("trainer", "no batch of training data", "at least one", "make the batch smaller");
  if (options_.swa_from < 0) fail("trainer", text("swa_from = ", options_.swa_from), "0 or more");
  for (const auto& [beside, is] : {std::pair{"ema", options_.ema.has_value()},
                                   {"keep_best", options_.keep_best},
                                   {"patience", options_.patience > 0}})
    if (options_.swa_from > 0 && is)
      fail("trainer", text("swa_from = ", options_.swa_from, " and ", beside), "one of them",
           "the weights that a training ends with are either the one or the other");
  for (const auto& [beside, is] : {std::pair{"keep_best", options_.keep_best}, {"patience", options_.patience > 0}})
    if (options_.views_at_end && is)
      fail("trainer", text("views_at_end and ", beside), "one of them",
           "evaluations with other views do not compare: leave views to all of them or to none");
  if (!parallel::is_shard_count(options_.shards))
    fail("trainer", text("shards = ", options_.shards), text("a power of two from 1 to ", parallel::most_shards));
  if (ranks.size() > options_.shards)
    fail("trainer", text(ranks.size(), " ranks with shards = ", options_.shards), "a shard or more for each rank",
         "begin with more shards, or with fewer ranks");
  if (options_.batch_norm_over == BatchNormOver::batch && ranks.size() > 1 && !ranks.takes_turns())
    fail("trainer", "batch norm over the batch with an MPI that one thread alone may call",
         "one in which threads can take turns (MPI_THREAD_SERIALIZED)", "batch_norm_over = shard does without");
  if (options_.shards > 1) sharded_ = std::make_unique<ShardedBatch>(model, options_, ranks);
  if (options_.ema) ema_.emplace(model, *options_.ema);
  if (options_.swa_from > 0) swa_.emplace(model);
  if (options_.lookahead) lookahead_.emplace(optimizer, *options_.lookahead);
}

Trainer::~Trainer() = default;

ExchangeTimes Trainer::exchange_times() const {
  ExchangeTimes out = sharded_ ? sharded_->times() : ExchangeTimes{};
  out.steps = step_seconds_;
  return out;
}

bool Trainer::done() const {
  return counters_.epoch >= options_.epochs ||
         (options_.patience > 0 && counters_.bad >= options_.patience && counters_.position == 0);
}

bool Trainer::run(const std::function<bool()>& stop) {
  if (ranks_.size() > 1) return run_together(stop);
  while (!done()) {
    if (stop && stop()) return false;
    step(stop);
  }
  return true;
}

// A rank's wish travels with the sums of the next batch, so that all stop after the same one.
bool Trainer::run_together(const std::function<bool()>& stop) {
  stops_ = false;
  while (!done()) {
    wishes_stop_ = stop && stop();
    step({});
    if (stops_ && can_save()) return done();
  }
  return true;
}

void Trainer::report(const TrainEvent& event) const {
  for (TrainObserver* const observer : observers_) observer->on_event(*this, event);
}

void Trainer::enter(TrainPhase phase) const {
  for (TrainObserver* const observer : observers_) observer->on_phase(*this, phase);
}

void Trainer::begin_epoch() {
  const Loader own = sharded_ ? sharded_->own_part(train_) : train_;
  walk_ = std::make_unique<Walk>(own.epoch(counters_.epoch, counters_.position));
  if (counters_.position > 0) return;
  counters_.samples = counters_.hits = 0;
  counters_.loss_sum = counters_.lr_sum = counters_.epoch_seconds = 0;
}

void Trainer::leave_epoch() {
  walk_.reset();
  evaluation_.reset();
}

StepResult Trainer::step(const std::function<bool()>& stop) {
  if (done()) fail("trainer", "a step of a training that is done", "more epochs");
  if (counters_.position == train_.batches()) {
    const StepResult result{.step = batches_done(),
                            .epoch = counters_.epoch + 1,
                            .position = counters_.position,
                            .batches = counters_.position,
                            .samples = counters_.samples,
                            .epoch_samples = train_.samples(),
                            .seconds = counters_.epoch_seconds,
                            .groups = {}};
    finish_epoch(stop);
    enter(TrainPhase::none);
    return result;
  }
  if (!batches_tried_) {
    require_agreement();
    const bool alone = options_.batch_norm_over == BatchNormOver::shard;
    require_last_batches(model_, train_, evaluated_, alone ? options_.shards : 1);
    batches_tried_ = true;
  }
  const auto start = Clock::now();
  enter(TrainPhase::loader);
  if (!walk_) begin_epoch();
  if (!model_.training() && !std::exchange(warned_of_mode_, true))
    report({"warning",
            "the model is in eval mode: dropout is off and batch norm leaves its running statistics as they "
            "are; model.train() puts it into training mode"});
  if (options_.non_finite == OnNonFinite::rollback && can_save() &&
      (!snapshot_ || batches_done() % options_.snapshot_every == 0)) {
    snapshot_.reset();  // a snapshot has none itself
    snapshot_ = save_state();
  }
  StepResult result{.step = batches_done() + 1,
                    .epoch = counters_.epoch + 1,
                    .position = counters_.position + 1,
                    .batches = train_.batches(),
                    .samples = counters_.samples,
                    .epoch_samples = train_.samples(),
                    .seconds = counters_.epoch_seconds,
                    .mean_loss = mean(counters_.loss_sum, counters_.samples),
                    .lr = optimizer_.lr(main_group(optimizer_)),
                    .groups = {}};
  if (!learn(*walk_->at, result)) {  // rolled back
    enter(TrainPhase::none);
    return result;
  }
  ++counters_.position;
  enter(TrainPhase::loader);
  ++walk_->at;
  counters_.lr_sum += result.lr;
  const double seconds = seconds_since(start);
  counters_.epoch_seconds += seconds;
  step_seconds_ += seconds;
  result.samples = counters_.samples;
  result.seconds = counters_.epoch_seconds;
  result.mean_loss = mean(counters_.loss_sum, counters_.samples);
  const bool ended = counters_.position == train_.batches();
  enter(TrainPhase::observers);
  for (TrainObserver* const observer : observers_) observer->on_step(*this, result);
  if (ended && swa_ && counters_.epoch + 1 >= options_.swa_from) swa_->update();
  if (ended) finish_epoch(stop);
  enter(TrainPhase::none);
  return result;
}

// What cannot differ between ranks without their drifting apart unseen.
void Trainer::require_agreement() {
  if (ranks_.size() == 1) return;
  const char* const remedy = "give all ranks the same model, data, options and state";
  ranks_.agree("shards", text(options_.shards), remedy);
  ranks_.agree("batch_norm_over", options_.batch_norm_over == BatchNormOver::batch ? "batch" : "shard", remedy);
  ranks_.agree("batches",
               text(batches_done(), " done, ", options_.epochs, " epochs of ", train_.batches(), " with ",
                    train_.samples(), " samples"),
               remedy);
  ranks_.agree("weights", "SHA-256 " + sha256(model_.state()), remedy);
}

// All that the batch at hand has, on whatever rank.
std::int64_t Trainer::samples_of_batch() const {
  return std::min(train_.options().batch, train_.samples() - counters_.position * train_.options().batch);
}

// Loss and gradient of a batch; no gradient where the loss is not finite.
BatchSums Trainer::compute(const Batch& batch) {
  if (sharded_)
    return sharded_->run(batch, samples_of_batch(), wishes_stop_, [this](TrainPhase phase) { enter(phase); });
  Tape tape;
  const Var logits = model_(batch.images);
  const Var loss = softmax_cross_entropy(logits, batch.labels, {.label_smoothing = options_.label_smoothing});
  BatchSums out{.loss = loss.item()};
  enter(TrainPhase::backward);
  if (!std::isfinite(out.loss)) return out;
  tape.backward(loss);
  Confusion seen(logits.dim(1));
  seen.add(logits.value(), class_labels(batch.labels));
  out.samples = seen.total();
  out.hits = std::llround(seen.accuracy() * static_cast<double>(seen.total()));
  return out;
}

// One batch; false when the training went back to a snapshot.
bool Trainer::learn(const Batch& batch, StepResult& result) {
  enter(TrainPhase::forward);
  buffers_.take();
  const BatchSums sums = compute(batch);
  stops_ = stops_ || sums.stop;
  result.loss = sums.loss;
  std::string bad;
  if (!std::isfinite(sums.loss)) bad = text("a loss of ", sums.loss);
  enter(TrainPhase::optimizer);
  if (bad.empty()) {
    const std::vector<std::string> paths = non_finite_gradients(model_);
    if (!paths.empty()) bad = text("a gradient of ", paths.front(), " that is not finite");
  }
  if (!bad.empty()) {
    handle_non_finite(batch, bad);
    return options_.non_finite == OnNonFinite::skip;
  }
  if (options_.measure_every > 0 && result.step % options_.measure_every == 0) result.groups = measure();
  show_gradients(result);
  count(sums);
  result.updated = optimizer_.step();
  const bool last = counters_.epoch + 1 == options_.epochs && counters_.position + 1 == train_.batches();
  if (last && !result.updated) result.updated = optimizer_.flush();  // the batches that are missing will not come
  optimizer_.zero_grad();
  if (!result.updated) return true;
  if (lookahead_) lookahead_->update();
  if (ema_) ema_->update();
  return true;
}

// An observer that throws leaves the batch out, and with it what was accumulated.
void Trainer::show_gradients(const StepResult& result) {
  gradients_stand_ = true;
  try {
    for (TrainObserver* const observer : observers_) observer->on_gradients(*this, result);
  } catch (...) {
    gradients_stand_ = false;
    buffers_.restore();
    optimizer_.skip();
    throw;
  }
  gradients_stand_ = false;
}

void Trainer::count(const BatchSums& batch) {
  counters_.samples += batch.samples;
  counters_.hits += batch.hits;
  counters_.loss_sum += batch.loss * static_cast<double>(batch.samples);
}

std::vector<GroupMeasure> Trainer::measure() const {
  std::vector<GroupMeasure> out;
  for (std::size_t g = 0; g < optimizer_.groups().size(); ++g) {
    const StepContext context = optimizer_.context(g);
    GroupMeasure m{.name = optimizer_.groups()[g].name,
                   .lr = context.lr,
                   .lambda = context.lambda,
                   .shrink = shrink_of(optimizer_.update_model(g), optimizer_.terms(g), context.lr)};
    double weight = 0, gradient = 0;
    for (const Member& member : optimizer_.groups()[g].members) {
      weight += sum_squares(member.parameter->value());
      if (member.parameter->grad().defined()) gradient += sum_squares(member.parameter->grad());
    }
    m.weight_norm = std::sqrt(weight);
    m.gradient_norm = std::sqrt(gradient);
    out.push_back(std::move(m));
  }
  return out;
}

void Trainer::finish_epoch(const std::function<bool()>& stop) {
  leave_epoch();
  const auto start = Clock::now();
  const bool last = counters_.epoch + 1 == options_.epochs;
  if (last && optimizer_.steps() == 0)
    fail("trainer", text("no update in ", batches_done(), " batches"), "one at least",
         "all batches were left out: see the guard's messages");
  const bool evaluated = last || (counters_.epoch + 1) % options_.evaluate_every == 0;
  if (evaluated) {
    enter(TrainPhase::evaluation);
    if (renew_statistics(stop)) evaluation_ = evaluate_now(stop);
    enter(TrainPhase::observers);
  }
  if (evaluated && !evaluation_) return;          // stopped: the next step makes it
  if (evaluated && !accept_evaluation()) return;  // rolled back
  EpochResult result{.epoch = counters_.epoch + 1,
                     .lr = counters_.lr_sum / static_cast<double>(train_.batches()),
                     .train_loss = mean(counters_.loss_sum, counters_.samples),
                     .train_accuracy = mean(static_cast<double>(counters_.hits), counters_.samples),
                     .evaluation_loss = nan,
                     .evaluation_accuracy = nan,
                     .seconds = counters_.epoch_seconds,
                     .images_per_second = counters_.epoch_seconds > 0
                                              ? static_cast<double>(counters_.samples) / counters_.epoch_seconds
                                              : 0};
  ++counters_.epoch;
  counters_.position = 0;
  const bool better = evaluated && take_evaluation(result);
  counters_.seconds += result.seconds + seconds_since(start);
  counters_.curve.push_back(result);
  if (done() && optimizer_.accumulating())
    optimizer_.skip();  // patience ended it: the weights that were evaluated stay
  for (TrainObserver* const observer : observers_) observer->on_epoch(*this, result);
  if (options_.patience > 0 && !better && counters_.bad >= options_.patience && counters_.epoch < options_.epochs)
    report({"early stop",
            text("no improvement in ", counters_.bad, " evaluations; the best was after batch ", counters_.best_step)});
}

}  // namespace ebb
