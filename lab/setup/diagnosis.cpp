#include "lab/setup/diagnosis.h"

#include <algorithm>
#include <cmath>

#include "framework/nn/summary.h"

namespace ebb {
namespace {

constexpr double most_rows = 100;  // windows in a run

// Multiply-adds of a step: the backward pass has twice those of the forward pass.
double step_work(const Session& session) {
  const Shape sample = session.train.dataset().sample_shape().insert(0, 1);
  const auto forward = static_cast<double>(summary(*session.model, sample).multiply_adds);
  return 3 * forward * static_cast<double>(session.recipe.batch) * static_cast<double>(session.recipe.accumulate);
}

// Updates in a row of the results: a hundred rows in a run, or what holds eight measurements, but a dozen rows at
// least.
std::int64_t window_of(std::int64_t total, std::int64_t every) {
  const std::int64_t few = std::min(8 * every, total / 12);
  return std::max(
      {std::int64_t{1}, every, few, static_cast<std::int64_t>(std::ceil(static_cast<double>(total) / most_rows))});
}

}  // namespace

std::unique_ptr<Diagnostics> diagnose(Session& session) {
  if (!session.recipe.diagnose) return {};
  const StepCounts steps = step_counts(session.recipe, session.train.batches());
  DiagnoseOptions options{
      .every = session.recipe.diagnose_every, .step_work = step_work(session), .steps_per_epoch = steps.per_epoch};
  options.every = interval_for(*session.optimizer, options);
  options.window = window_of(steps.total, options.every);
  auto out = std::make_unique<Diagnostics>(*session.optimizer, session.beginning(), options);
  session.trainer.add(*out);
  return out;
}

}  // namespace ebb
