// The evaluations of a trainer, and what it ends with.
#include <cmath>

#include "framework/compute/instruction_set.h"
#include "framework/io/checksum.h"
#include "framework/parallel/parallel.h"
#include "lab/training/lent_weights.h"
#include "lab/training/trainer.h"

namespace ebb {

std::optional<Evaluation> Trainer::evaluate_now(const std::function<bool()>& stop) {
  const LentWeights averages(ema_);
  return evaluate_until(model_, evaluated_, options_.evaluation, stop);
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
  State out = ema_ ? ema_->averages() : State();
  out.merge(model_.state());
  return out;
}

State Trainer::final_weights() const {
  return options_.keep_best && !best_weights_.empty() ? best_weights_ : averaged_weights();
}

Evaluation Trainer::evaluate_final(const Loader& data) {
  if (options_.keep_best && !best_weights_.empty()) {
    const LentWeights best(model_, best_weights_);
    return evaluate(model_, data, options_.evaluation);
  }
  const LentWeights averages(ema_);
  return evaluate(model_, data, options_.evaluation);
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
