// What a trainer does about numbers that are not finite.
#include <algorithm>
#include <cmath>

#include "framework/nn/eval_mode.h"
#include "framework/ops/loss.h"
#include "framework/tensor/error.h"
#include "lab/training/lent_weights.h"
#include "lab/training/sharded_batch.h"
#include "lab/training/trainer.h"
#include "optim/decay_course.h"

namespace ebb {
namespace {

// What helps against numbers that are not finite: decay that makes weights grow comes first.
std::string remedy(const Optimizer& optimizer) {
  const std::vector<std::string> growing = decay_warnings(optimizer, optimizer.steps() + 1, DecayFault::grows);
  return growing.empty() ? "lower the learning rate, lengthen the warm-up, or clip the gradient"
                         : "a likely cause is decay: " + growing.front();
}

}  // namespace

void Trainer::handle_non_finite(const Batch& batch, const std::string& what) {
  buffers_.restore();
  const std::string first =
      sharded_ ? sharded_->find_non_finite(batch, samples_of_batch()) : find_non_finite(model_, batch.images, [&] {
        return softmax_cross_entropy(model_(batch.images), batch.labels, {.label_smoothing = options_.label_smoothing});
      });
  const std::string where = text(what, " in epoch ", counters_.epoch + 1, ", batch ", counters_.position + 1, " of ",
                                 train_.batches(), first.empty() ? "" : "; the first that is not finite is ", first);
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
                                 " in the evaluation after epoch ", counters_.epoch + 1,
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
  const LentWeights averages(average());
  const EvalMode mode(model_);
  const auto& samples = evaluation_->samples;
  const auto bad = std::ranges::find_if(samples, [](const EvaluatedSample& s) { return !std::isfinite(s.loss); });
  const Batch batch = evaluated_.epoch(0)[(bad - samples.begin()) / evaluated_.options().batch];
  return find_non_finite(model_, batch.images,
                         [&] { return softmax_cross_entropy(model_(batch.images), batch.labels); });
}

// To the last snapshot, with a lower learning rate. Throws where the policy is another, or that was done often enough.
void Trainer::go_back(const std::string& where) {
  if (options_.non_finite != OnNonFinite::rollback || counters_.rollbacks >= options_.rollbacks || !snapshot_)
    fail("train", where, "finite numbers", remedy(optimizer_));
  if (optimizer_.accumulating()) optimizer_.skip();
  const std::int64_t count = counters_.rollbacks + 1;
  load_state(TrainState(*snapshot_));
  counters_.rollbacks = count;
  const double lr = base_lr_ * std::pow(options_.rollback_factor, static_cast<double>(count));
  optimizer_.set_base_lr(lr);
  report({"rollback", text("went back to batch ", batches_done(), ", base lr now ", lr, ": ", where)});
}

}  // namespace ebb
