#include "lab/study/choice.h"

#include <cmath>
#include <limits>

#include "framework/tensor/error.h"
#include "lab/training/evaluation.h"

namespace ebb {

double accuracy_on(Layer& model, const Dataset& samples) {
  // The loader shares its data set; this one lives longer than the loader.
  const std::shared_ptr<const Dataset> shared(&samples, [](const Dataset*) {});
  return evaluate(model, Loader(shared, {.batch = 500, .shuffle = false, .prefetch = 0})).accuracy;
}

Chosen::Chosen(const std::vector<Candidate>& candidates)
    : score_(std::numeric_limits<double>::quiet_NaN()), tries_(static_cast<std::int64_t>(candidates.size())) {
  for (const Candidate& candidate : candidates) {
    if (std::isnan(candidate.score) || candidate.score <= score_) continue;
    level_ = candidate.level;
    score_ = candidate.score;
  }
  if (std::isnan(score_))
    fail("choice", text(tries_, " levels, none with a score"), "at least one that can be judged on validation data");
}

Chosen choose(const std::vector<std::string>& levels,
              const std::function<ValidationScore(const std::string& level)>& attempt) {
  std::vector<Chosen::Candidate> candidates;
  for (const std::string& level : levels) candidates.push_back({level, attempt(level).value()});
  return Chosen(candidates);
}

}  // namespace ebb
