#include "lab/training/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

#include "framework/compute/basic.h"
#include "framework/compute/instruction_set.h"
#include "framework/io/checksum.h"
#include "framework/nn/eval_mode.h"
#include "framework/ops/loss.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"
#include "lab/training/last_batch.h"
#include "optim/decay_course.h"

namespace ebb {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// NaN for no samples.
double mean(double sum, std::int64_t samples) { return samples == 0 ? nan : sum / static_cast<double>(samples); }

// What helps against numbers that are not finite: decay that makes weights grow comes first.
std::string remedy(const Optimizer& optimizer) {
  const std::vector<std::string> growing = decay_warnings(optimizer, optimizer.steps() + 1, DecayFault::grows);
  return growing.empty() ? "lower the learning rate, lengthen the warm-up, or clip the gradient"
                         : "a likely cause is decay: " + growing.front();
}

// The averages in place of the weights while it lives. They change back, so that a trainer stays as it was.
class Averaged {
 public:
  explicit Averaged(const std::optional<Ema>& ema) : ema_(const_cast<std::optional<Ema>&>(ema)) { swap(); }
  ~Averaged() { swap(); }
  Averaged(const Averaged&) = delete;
  Averaged& operator=(const Averaged&) = delete;

 private:
  void swap() {
    if (ema_) ema_->swap();
  }
  std::optional<Ema>& ema_;
};

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

Trainer::Trainer(Layer& model, Optimizer& optimizer, const Loader& train, const Loader& judged, TrainerOptions options)
    : model_(model),
      optimizer_(optimizer),
      train_(train),
      judged_(judged),
      options_(std::move(options)),
      buffers_(model),
      base_lr_(optimizer.common().lr) {
  if (options_.epochs < 0) fail("trainer", text("epochs = ", options_.epochs), "0 or more");
  if (options_.evaluate_every < 1) fail("trainer", text("evaluate_every = ", options_.evaluate_every), "1 or more");
  if (options_.snapshot_every < 1) fail("trainer", text("snapshot_every = ", options_.snapshot_every), "1 or more");
  if (train.batches() < 1) fail("trainer", "no batch of training data", "at least one", "make the batch smaller");
  if (options_.ema) ema_.emplace(model, *options_.ema);
  if (options_.lookahead) lookahead_.emplace(optimizer, *options_.lookahead);
}

Trainer::~Trainer() = default;

bool Trainer::done() const {
  return epoch_ >= options_.epochs || (options_.patience > 0 && bad_ >= options_.patience && position_ == 0);
}

bool Trainer::run(const std::function<bool()>& stop) {
  while (!done()) {
    if (stop && stop()) return false;
    step(stop);
  }
  return true;
}

void Trainer::report(const TrainEvent& event) const {
  for (TrainObserver* const observer : observers_) observer->on_event(*this, event);
}

void Trainer::begin_epoch() {
  walk_ = std::make_unique<Walk>(train_.epoch(epoch_, position_));
  if (position_ > 0) return;
  samples_ = hits_ = 0;
  loss_sum_ = lr_sum_ = epoch_seconds_ = 0;
}

void Trainer::leave_epoch() {
  walk_.reset();
  evaluation_.reset();
}

StepResult Trainer::step(const std::function<bool()>& stop) {
  if (done()) fail("trainer", "a step of a training that is done", "more epochs");
  if (position_ == train_.batches()) {
    const StepResult result{.step = batches_done(),
                            .epoch = epoch_ + 1,
                            .position = position_,
                            .batches = position_,
                            .samples = samples_,
                            .epoch_samples = train_.samples(),
                            .seconds = epoch_seconds_,
                            .groups = {}};
    finish_epoch(stop);
    return result;
  }
  if (!batches_tried_) {
    require_last_batches(model_, train_, judged_);
    batches_tried_ = true;
  }
  const auto start = Clock::now();
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
                    .epoch = epoch_ + 1,
                    .batches = train_.batches(),
                    .epoch_samples = train_.samples(),
                    .lr = optimizer_.lr(main_group(optimizer_)),
                    .groups = {}};
  if (!learn(*walk_->at, result)) return result;  // rolled back
  ++position_;
  ++walk_->at;
  lr_sum_ += result.lr;
  epoch_seconds_ += seconds_since(start);
  result.position = position_;
  result.samples = samples_;
  result.seconds = epoch_seconds_;
  result.mean_loss = mean(loss_sum_, samples_);
  const bool ended = position_ == train_.batches();
  for (TrainObserver* const observer : observers_) observer->on_step(*this, result);
  if (ended) finish_epoch(stop);
  return result;
}

// One batch; false when the training went back to a snapshot.
bool Trainer::learn(const Batch& batch, StepResult& result) {
  const Tensor& images = batch.images;
  buffers_.take();
  std::string bad;
  Tensor answers;
  {
    Tape tape;
    const Var logits = model_(images);
    const Var loss = softmax_cross_entropy(logits, batch.labels, {.label_smoothing = options_.label_smoothing});
    result.loss = loss.item();
    answers = logits.value();
    if (std::isfinite(result.loss)) tape.backward(loss);
    else bad = text("a loss of ", result.loss);
  }
  if (bad.empty()) {
    const std::vector<std::string> paths = non_finite_gradients(model_);
    if (!paths.empty()) bad = text("a gradient of ", paths.front(), " that is not finite");
  }
  if (!bad.empty()) {
    handle_non_finite(batch, bad);
    return options_.non_finite == OnNonFinite::skip;
  }
  count(answers, batch.labels, result.loss);
  if (options_.measure_every > 0 && result.step % options_.measure_every == 0) result.groups = measure();
  result.updated = optimizer_.step();
  const bool last = epoch_ + 1 == options_.epochs && position_ + 1 == train_.batches();
  if (last && !result.updated) result.updated = optimizer_.flush();  // the batches that are missing will not come
  optimizer_.zero_grad();
  if (!result.updated) return true;
  if (lookahead_) lookahead_->update();
  if (ema_) ema_->update();
  return true;
}

void Trainer::count(const Tensor& logits, const Tensor& labels, double loss) {
  Confusion seen(logits.dim(1));
  seen.add(logits, class_labels(labels));
  samples_ += seen.total();
  hits_ += std::llround(seen.accuracy() * static_cast<double>(seen.total()));
  loss_sum_ += loss * static_cast<double>(seen.total());
}

void Trainer::handle_non_finite(const Batch& batch, const std::string& what) {
  buffers_.restore();
  const std::string first = find_non_finite(model_, batch.images, [&] {
    return softmax_cross_entropy(model_(batch.images), batch.labels, {.label_smoothing = options_.label_smoothing});
  });
  const std::string where = text(what, " in epoch ", epoch_ + 1, ", batch ", position_ + 1, " of ", train_.batches(),
                                 first.empty() ? "" : "; the first that is not finite is ", first);
  optimizer_.skip();
  if (options_.non_finite == OnNonFinite::skip) return report({"skip", text("left out a batch: ", where)});
  go_back(where);
}

// No later batch looks at the last update before an evaluation. False when the training went back to a snapshot.
bool Trainer::accept_evaluation() {
  const bool finite = std::isfinite(evaluation_->loss);
  const std::string first = finite ? non_finite_value(model_) : find_non_finite_evaluation();
  if (finite && first.empty()) return true;
  const std::string where = text(finite ? "weights that are not finite" : text("a loss of ", evaluation_->loss),
                                 " in the evaluation after epoch ", epoch_ + 1,
                                 first.empty() ? "" : "; the first that is not finite is ", first);
  if (options_.non_finite == OnNonFinite::skip) {
    report({"warning", where});
    return true;
  }
  go_back(where);
  return false;
}

// What is not finite in the evaluation of the first sample without a finite loss.
std::string Trainer::find_non_finite_evaluation() {
  const Averaged averaged(ema_);
  const EvalMode mode(model_);
  const auto& samples = evaluation_->samples;
  const auto bad = std::ranges::find_if(samples, [](const Judgement& s) { return !std::isfinite(s.loss); });
  const Batch batch = judged_.epoch(0)[(bad - samples.begin()) / judged_.options().batch];
  return find_non_finite(model_, batch.images,
                         [&] { return softmax_cross_entropy(model_(batch.images), batch.labels); });
}

// To the last snapshot, with a lower learning rate. Throws where the policy is another, or that was done often enough.
void Trainer::go_back(const std::string& where) {
  if (options_.non_finite != OnNonFinite::rollback || rollbacks_ >= options_.rollbacks || !snapshot_)
    fail("train", where, "finite numbers", remedy(optimizer_));
  if (optimizer_.accumulating()) optimizer_.skip();
  const std::int64_t count = rollbacks_ + 1;
  load_state(TrainState(*snapshot_));
  rollbacks_ = count;
  const double lr = base_lr_ * std::pow(options_.rollback_factor, static_cast<double>(count));
  optimizer_.set_base_lr(lr);
  report({"rollback", text("went back to batch ", batches_done(), ", base lr now ", lr, ": ", where)});
}

std::vector<GroupMeasure> Trainer::measure() const {
  std::vector<GroupMeasure> out;
  for (std::size_t g = 0; g < optimizer_.groups().size(); ++g) {
    const StepContext context = optimizer_.context(g);
    GroupMeasure m{.name = optimizer_.groups()[g].name,
                   .lr = context.lr,
                   .lambda = context.lambda,
                   .shrink = optimizer_.terms(g).shrink};
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

std::optional<Evaluation> Trainer::evaluate_now(const std::function<bool()>& stop) const {
  const Averaged averaged(ema_);
  return evaluate_until(model_, judged_, options_.evaluation, stop);
}

const Evaluation& Trainer::evaluation() const {
  if (!evaluation_) evaluation_ = evaluate_now({});
  return *evaluation_;
}

void Trainer::finish_epoch(const std::function<bool()>& stop) {
  leave_epoch();
  const auto start = Clock::now();
  const bool last = epoch_ + 1 == options_.epochs;
  if (last && optimizer_.steps() == 0)
    fail("trainer", text("no update in ", batches_done(), " batches"), "one at least",
         "all batches were left out: see the guard's messages");
  const bool judged = last || (epoch_ + 1) % options_.evaluate_every == 0;
  if (judged) evaluation_ = evaluate_now(stop);
  if (judged && !evaluation_) return;          // stopped: the next step makes it
  if (judged && !accept_evaluation()) return;  // rolled back
  EpochResult result{.epoch = epoch_ + 1,
                     .lr = lr_sum_ / static_cast<double>(train_.batches()),
                     .train_loss = mean(loss_sum_, samples_),
                     .train_accuracy = mean(static_cast<double>(hits_), samples_),
                     .judged_loss = nan,
                     .judged_accuracy = nan,
                     .seconds = epoch_seconds_,
                     .images_per_second = epoch_seconds_ > 0 ? static_cast<double>(samples_) / epoch_seconds_ : 0};
  ++epoch_;
  position_ = 0;
  const bool better = judged && judge(result);
  seconds_ += result.seconds + seconds_since(start);
  curve_.push_back(result);
  if (done() && optimizer_.accumulating()) optimizer_.skip();  // patience ended it: the weights that were judged stay
  for (TrainObserver* const observer : observers_) observer->on_epoch(*this, result);
  if (options_.patience > 0 && !better && bad_ >= options_.patience && epoch_ < options_.epochs)
    report({"early stop", text("no improvement in ", bad_, " evaluations; the best was after batch ", best_step_)});
}

// Evaluates; true when it was the best so far.
bool Trainer::judge(EpochResult& result) {
  result.judged_loss = evaluation().loss;
  result.judged_accuracy = evaluation().accuracy;
  const bool finite = std::isfinite(result.judged_loss);
  if (optimizer_.common().plateau && finite) optimizer_.observe(result.judged_loss);
  const bool better = finite && (best_step_ == 0 || result.judged_accuracy > best_ + options_.min_improvement);
  if (better) bad_ = 0;
  else if (optimizer_.steps() > 0) ++bad_;
  if (!better) return false;
  best_ = result.judged_accuracy;
  best_step_ = batches_done();
  if (options_.keep_best) {
    const Averaged averaged(ema_);
    best_weights_ = model_.state();
  }
  return true;
}

State Trainer::final_weights() const {
  if (options_.keep_best && !best_weights_.empty()) return best_weights_;
  const Averaged averaged(ema_);
  return model_.state();
}

Evaluation Trainer::evaluate_final(const Loader& data) const {
  const State current = model_.state();
  model_.load_state(final_weights());
  Evaluation result = evaluate(model_, data, options_.evaluation);
  model_.load_state(current);
  return result;
}

TrainSummary Trainer::summary() const {
  TrainSummary out;
  double seconds = 0, samples = 0;
  for (const EpochResult& epoch : curve_) {
    seconds += epoch.seconds;
    samples += epoch.seconds * epoch.images_per_second;
  }
  out.parameters = model_.parameter_count();
  out.test_accuracy = evaluation().accuracy;
  out.test_loss = evaluation().loss;
  out.images_per_second = seconds > 0 ? samples / seconds : 0;
  out.seconds = seconds_;
  out.epochs = epoch_;
  out.steps = optimizer_.steps();
  out.threads = parallel::thread_count();
  out.instruction_set = instruction_set();
  out.weights_sha256 = sha256(final_weights());
  if (can_save()) {
    State state = save_state().tensors;  // who looks on is no part of what was trained
    std::erase_if(state, [](const auto& entry) {
      return entry.first.starts_with("observer/") || entry.first.starts_with("snapshot/observer/");
    });
    out.state_sha256 = sha256(state);
  }
  out.curve = curve_;
  return out;
}

}  // namespace ebb
