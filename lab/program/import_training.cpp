#include "lab/program/import_training.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>

#include "framework/io/safetensors.h"
#include "framework/nn/eval_mode.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "lab/export/torch_training.h"
#include "lab/format/shell_word.h"
#include "lab/program/program_name.h"
#include "lab/program/progress.h"
#include "lab/program/run_beginning.h"
#include "lab/recipe/names.h"
#include "lab/runs/run_files.h"
#include "lab/setup/build.h"
#include "lab/setup/diagnosis.h"
#include "lab/setup/extensions.h"
#include "lab/training/trainer_counters.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

// A recipe, and how a run with it standardised its images.
struct Model {
  Recipe recipe;
  std::optional<PixelStatistics> standardisation = {};
};

Model model_of(const std::string& like, const std::shared_ptr<const Extensions>& extensions) {
  if (!fs::is_directory(like)) return {find_recipe(like, extensions)};
  const Directory run(like);
  Model out{for_program(run_recipe(run).now, extensions)};
  if (const auto found = Checkpoints(run).newest()) {
    out.standardisation = statistics_from(found->state.metadata, like);
  } else if (run.entry(run_files::model.name) != Directory::Entry::nothing) {
    const std::string file = (run.path() / run_files::model.name).string();
    out.standardisation = statistics_from(load_safetensors(file).metadata, file);
  }
  return out;
}

// A run that is replaced loses all that is in it.
void require_outside(const std::string& input, const std::string& out) {
  std::error_code error;
  const fs::path file = fs::weakly_canonical(input, error), run = fs::weakly_canonical(out, error);
  if (std::ranges::mismatch(run, file).in1 == run.end())
    fail(out, text("a run directory with ", input, ", which is read"), "another one", "choose another name");
}

// Where a training stands after so many updates.
TrainerCounters counters_after(std::int64_t updates, const Recipe& recipe, const Loader& train) {
  const std::int64_t total = recipe.epochs * train.batches();
  const std::int64_t most = step_counts(recipe, train.batches()).total;
  if (updates > most)
    fail("--with-optimizer", text(updates, " updates"), text("at most ", most, ", those of ", recipe.epochs, " epochs"),
         "more epochs: --set epochs=...");
  const std::int64_t batches = std::min(updates * recipe.accumulate, total);
  TrainerCounters out{.epoch = batches / train.batches(),
                      .position = batches % train.batches(),
                      .batches = train.batches(),
                      .epoch_samples = train.samples()};
  constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  for (std::int64_t epoch = 1; epoch <= out.epoch; ++epoch)
    out.curve.push_back({.epoch = epoch,
                         .lr = unknown,
                         .train_loss = unknown,
                         .train_accuracy = unknown,
                         .evaluation_loss = unknown,
                         .evaluation_accuracy = unknown});
  return out;
}

// Takes the file's weights and optimizer over, and goes to where they were.
void take(Session& session, const State& tensors, const std::string& file) {
  {
    const EvalMode mode(*session.model);
    const Tape::Pause pause;
    (*session.model)(Var(Tensor::zeros(session.data.train->sample_shape().insert(0, 1))));  // Flatten learns its image
  }
  if (without_optimizer(*session.model, tensors).size() == tensors.size())
    fail(file, "no state of an optimizer", "tensors as conv1.weight.momentum_buffer beside the weights",
         "leave out --with-optimizer to use the weights alone");
  import_torch_training(*session.model, *session.optimizer, tensors, file);
  TrainState state = session.trainer.save_state();
  std::erase_if(state.tensors, [](const auto& entry) {  // averages begin with these weights
    return entry.first.starts_with("ema/") || entry.first.starts_with("swa/") || entry.first.starts_with("lookahead/");
  });
  state.metadata["trainer"] = to_json(counters_after(session.optimizer->steps(), session.recipe, session.train));
  session.trainer.load_state(state, {.other_averages = true});
}

}  // namespace

int run(const TrainingImport& import) {
  const auto how = import.overwrite ? RunDirectory::Open::overwrite : RunDirectory::Open::fresh;
  for (const std::string& input : {import.file, import.like}) require_outside(input, import.out);
  RunDirectory::require_place(import.out, how);
  const State tensors = load_safetensors(import.file).tensors;
  Model model = model_of(import.like, import.extensions);
  apply_settings(model.recipe, import.settings);
  require_no_idle_keys(model.recipe);
  model.recipe.out = import.out;
  model.recipe.init = model.recipe.init_except = "";
  Session session(model.recipe, model.standardisation, reading_progress());
  const std::unique_ptr<Diagnostics> diagnostics = diagnose(session);
  take(session, tensors, import.file);
  const std::string environment = environment_of(session), audit = audit_of(session);
  RunDirectory directory(import.out, how, save_options(session));
  directory.describe(session.recipe, environment, audit, skipped_pictures(session));
  Trainer& trainer = session.trainer;
  trainer.add(directory);
  trainer.report({"import", text("weights and optimizer of ", import.file, " after batch ", trainer.batches_done())});
  if (!directory.save(trainer)) fail(import.out, directory.problems(), "a checkpoint to go on from");
  std::cout << printable_line(import.out) << ": after batch " << trainer.batches_done() << " of "
            << session.recipe.epochs * session.train.batches() << "; go on with: " << shell_word(program_name())
            << " resume " << shell_word(import.out) << '\n';
  return 0;
}

}  // namespace ebb
