// The evaluations of a trainer, and what it ends with.
#include <algorithm>
#include <cmath>

#include "framework/compute/basic.h"
#include "framework/compute/instruction_set.h"
#include "framework/io/checksum.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/update_batch_norm.h"
#include "framework/parallel/parallel.h"
#include "lab/training/lent_weights.h"
#include "lab/training/trainer.h"

namespace ebb {
namespace {

bool learns_statistics(Module& model) {
  return std::ranges::any_of(model.named_modules(), [](const NamedModule& m) {
    const auto* const norm = dynamic_cast<const BatchNorm*>(m.module);
    return norm != nullptr && norm->options().track && norm->training();
  });
}

// Puts whole numbers among the buffers back when it ends.
class KeptCounters {
 public:
  explicit KeptCounters(Module& model) {
    for (const NamedBuffer& b : model.named_buffers())
      if (b.buffer->value().dtype() == DType::i64) kept_.emplace_back(b.buffer, b.buffer->value().clone());
  }
  ~KeptCounters() {
    for (const auto& [buffer, value] : kept_) copy_into(buffer->value(), value);
  }
  KeptCounters(const KeptCounters&) = delete;
  KeptCounters& operator=(const KeptCounters&) = delete;

 private:
  std::vector<std::pair<Buffer*, Tensor>> kept_;
};

}  // namespace

// Whether the mean of the weights is what counts from here on.
bool Trainer::ends_with_mean() const {
  const std::int64_t complete = counters_.epoch + counters_.position / train_.batches();
  return swa_ && swa_->updates() > 0 && complete >= options_.epochs;
}

// The average that is evaluated, and that the training ends with; null: the weights are.
WeightAverage* Trainer::average() {
  if (ema_) return &*ema_;
  return ends_with_mean() ? &*swa_ : nullptr;
}

// Gives the norms of a mean of weights statistics of their own. It leaves no other trace: masks of dropout are counted
// as before. \returns false when it was stopped; it begins anew then.
bool Trainer::renew_statistics(const std::function<bool()>& stop) {
  if (!ends_with_mean() || !learns_statistics(model_)) return true;
  const auto stopped = [&] { return stop && stop(); };
  if (stopped()) return false;
  const LentWeights averages(average());
  const KeptCounters counters(model_);
  std::int64_t batches = 0;
  update_batch_norm(model_, [&] {
    for (const Batch& batch : train_.epoch(counters_.epoch)) {
      if (batches > 0 && stopped()) return;
      model_(batch.images);
      ++batches;
    }
  });
  return batches == train_.batches();
}

std::optional<Evaluation> Trainer::evaluate_now(const std::function<bool()>& stop) {
  const LentWeights averages(average());
  const bool plain = options_.views_at_end && counters_.epoch + 1 < options_.epochs;
  const EvaluateOptions views = plain ? EvaluateOptions{} : options_.evaluation;
  if (ranks_.size() > 1) return evaluate(model_, evaluated_, views, ranks_);
  return evaluate_until(model_, evaluated_, views, stop);
}

const Evaluation& Trainer::evaluation() {
  if (!evaluation_) evaluation_ = evaluate_now({});
  return *evaluation_;
}

// Evaluates; true when it was the best so far.
bool Trainer::take_evaluation(EpochResult& result) {
  result.evaluation_loss = evaluation().loss;
  result.evaluation_accuracy = evaluation().accuracy;
  const bool finite = std::isfinite(result.evaluation_loss);
  if (optimizer_.common().plateau && finite) optimizer_.observe(result.evaluation_loss);
  const bool better =
      finite && (counters_.best_step == 0 || result.evaluation_accuracy > counters_.best + options_.min_improvement);
  if (better) counters_.bad = 0;
  else if (optimizer_.steps() > 0) ++counters_.bad;
  if (!better) return false;
  counters_.best = result.evaluation_accuracy;
  counters_.best_step = batches_done();
  if (options_.keep_best) best_weights_ = averaged_weights();
  return true;
}

// The model's values, with the averages in place of those that have one.
State Trainer::averaged_weights() const {
  State out = ema_ ? ema_->averages() : ends_with_mean() ? swa_->averages() : State();
  out.merge(model_.state());
  return out;
}

State Trainer::final_weights() const {
  return options_.keep_best && !best_weights_.empty() ? best_weights_ : averaged_weights();
}

Evaluation Trainer::evaluate_final(const Loader& data) {
  if (options_.keep_best && !best_weights_.empty()) {
    const LentWeights best(model_, best_weights_);
    return evaluate(model_, data, options_.evaluation, ranks_);
  }
  const LentWeights averages(average());
  return evaluate(model_, data, options_.evaluation, ranks_);
}

TrainSummary Trainer::summary() {
  TrainSummary out;
  double seconds = 0, samples = 0;
  for (const EpochResult& epoch : counters_.curve) {
    seconds += epoch.seconds;
    samples += epoch.seconds * epoch.images_per_second;
  }
  out.parameters = model_.parameter_count();
  out.test_accuracy = evaluation().accuracy;
  out.test_loss = evaluation().loss;
  out.images_per_second = seconds > 0 ? samples / seconds : 0;
  out.seconds = counters_.seconds;
  out.epochs = counters_.epoch;
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
  out.curve = counters_.curve;
  return out;
}

}  // namespace ebb
