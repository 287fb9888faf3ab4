// Run directories without a training: files as a run leaves them, with numbers that were made up.
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "framework/io/atomic_file.h"
#include "framework/tensor/random.h"
#include "lab/diagnose/diagnosis.h"
#include "lab/recipe/recipe.h"
#include "lab/runs/evaluation_record.h"
#include "lab/runs/recipe_changes.h"
#include "lab/runs/run_log.h"
#include "lab/training/summary.h"

namespace ebb::test {

struct MadeUpRun {
  Recipe recipe = find_recipe("mnist");
  std::int64_t epochs = 10;
  std::int64_t steps = 200;  // in an epoch; one in ten is measured
  std::vector<std::string> groups{"decayed", "no decay"};
  std::vector<std::string> classes{"zero", "one", "two"};
  std::string event = {};    // a warning of the log
  double floor = 0.1;        // what the loss falls to
  double first_loss = 2.3;   // what it begins with
  std::string picture = {};  // of a mistake
  std::string audit = {};    // audit.json; empty: none
  std::vector<DiagnosisRow> diagnosis = {};
  std::vector<RecipeChange> changes = {};
  std::string note = {};  // of environment.json, on the data
  bool finished = true;
};

inline EpochResult made_up_epoch(const MadeUpRun& run, std::int64_t epoch, const Rng& rng) {
  const double progress = static_cast<double>(epoch) / static_cast<double>(run.epochs);
  const double jitter = 0.03 * rng.at("epoch").normal(static_cast<std::uint64_t>(epoch));
  const double loss = run.floor + (run.first_loss - run.floor) * std::exp(-6 * progress) * (1 + jitter);
  return {.epoch = epoch,
          .lr = run.recipe.lr * (1 - progress),
          .train_loss = loss,
          .train_accuracy = 1 - std::min(0.9, 0.4 * loss),
          .evaluation_loss = 1.1 * loss + 0.02,
          .evaluation_accuracy = 1 - std::min(0.9, 0.42 * loss + 0.002 * std::abs(jitter)),
          .seconds = 12.5,
          .images_per_second = 4800};
}

inline StepResult made_up_step(const MadeUpRun& run, std::int64_t step, const Rng& rng) {
  const double progress = static_cast<double>(step) / static_cast<double>(run.epochs * run.steps);
  const double lr = run.recipe.lr * (1 - progress);
  StepResult out{.step = step, .epoch = (step - 1) / run.steps + 1, .lr = lr, .groups = {}};
  out.loss = (run.floor + (run.first_loss - run.floor) * std::exp(-6 * progress)) *
             (1 + 0.2 * rng.at("step").normal(static_cast<std::uint64_t>(step)));
  for (std::size_t g = 0; g < run.groups.size(); ++g) {
    const double share = g == 1 ? 0 : run.recipe.lambda;
    out.groups.push_back(
        {run.groups[g], lr, share, lr * share, 12.0 / (1.0 + static_cast<double>(g)) * (1 + share * 100 * progress),
         std::exp(-2 * progress) * (1.5 + std::abs(rng.at("norm").normal(static_cast<std::uint64_t>(step) * 8 + g)))});
  }
  return out;
}

inline EvaluationRecord made_up_evaluation(const MadeUpRun& run, const EpochResult& last) {
  const auto classes = static_cast<std::int64_t>(run.classes.size());
  EvaluationRecord out{.data = run.recipe.data,
                       .loss = last.evaluation_loss,
                       .accuracy = last.evaluation_accuracy,
                       .calibration_error = 0.012,
                       .classes = run.classes,
                       .confusion = Confusion(classes),
                       .worst = {}};
  for (std::int64_t truth = 0; truth < classes; ++truth)
    for (std::int64_t predicted = 0; predicted < classes; ++predicted)
      out.confusion.add(truth, predicted, truth == predicted ? 980 : (truth * 7 + predicted * 3) % 5);
  for (std::int64_t i = 0; i < 12; ++i)
    out.worst.push_back(
        {17 * i + 3, i % classes, (i + 1) % classes, 0.99 - 0.01 * static_cast<double>(i), run.picture});
  out.filters = FilterRecord{"1 of 6 filters of " + run.classes.front(), run.picture};
  return out;
}

// Writes the files of a run into `directory`, which is made.
inline void write_made_up_run(const std::filesystem::path& directory, const MadeUpRun& run) {
  std::filesystem::create_directories(directory);
  const Rng rng(run.recipe.seed);
  write_file(directory / "recipe.toml", to_toml(run.recipe));
  write_file(directory / "environment.json", text(R"({"ebb": "1.0", "compiler": "GCC 12", "threads": 2)",
                                                  run.note.empty() ? "" : ", \"data_note\": \"" + run.note + '"', "}"));
  if (!run.diagnosis.empty()) write_file(directory / "diagnostics.csv", to_csv(run.diagnosis));
  if (!run.changes.empty()) write_file(directory / "changes.jsonl", to_json_lines(run.changes));
  if (!run.audit.empty()) write_file(directory / "audit.json", run.audit);
  const Directory there(directory);
  RunLog log(there, "log.jsonl");
  for (std::int64_t step = 1; step <= run.epochs * run.steps; ++step) {
    if (step % 10 == 0) log.step(made_up_step(run, step, rng));
    if (step % run.steps == 0) log.epoch(made_up_epoch(run, step / run.steps, rng), "test");
  }
  if (!run.event.empty()) log.event("warning", run.event, run.epochs * run.steps, run.epochs);
  if (!run.finished) return;
  const EpochResult last = made_up_epoch(run, run.epochs, rng);
  write_file(directory / "evaluation.json", to_json(made_up_evaluation(run, last)));
  TrainSummary summary;
  summary.recipe = run.recipe.name;
  summary.data = run.recipe.data;
  summary.model = run.recipe.model;
  summary.parameters = 61706;
  summary.test_accuracy = last.evaluation_accuracy;
  summary.test_loss = last.evaluation_loss;
  summary.images_per_second = 4812.345678901234;
  summary.seconds = 12.5 * static_cast<double>(run.epochs);
  summary.epochs = run.epochs;
  summary.steps = run.epochs * run.steps;
  summary.seed = run.recipe.seed;
  summary.threads = 2;
  summary.instruction_set = "avx2";
  write_file(directory / "summary.json", to_json(summary));
}

}  // namespace ebb::test
