// `ebb train` and `ebb resume`.
#include <algorithm>
#include <iostream>
#include <optional>
#include <utility>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "lab/program/commands.h"
#include "lab/program/training.h"
#include "lab/runs/environment.h"
#include "lab/runs/run_files.h"
#include "lab/training/memory_estimate.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

// Keys that change no bit of the result.
constexpr const char* harmless[] = {"threads", "prefetch", "save_minutes", "save_steps"};

// The directory asked for; by default a new one in runs/.
fs::path directory_for(const Recipe& recipe, bool overwrite) {
  if (!recipe.out.empty()) return recipe.out;
  if (recipe.name.find('/') != std::string::npos)
    fail("name", text('"', recipe.name, '"'), "a name without slashes: the run directory is called by it",
         "choose another name, or the directory with --out");
  const fs::path wanted = text("runs/", recipe.name, "-seed", recipe.seed);
  std::error_code error;
  fs::path free = wanted;
  for (int number = 2; !overwrite && fs::symlink_status(free, error).type() != fs::file_type::not_found; ++number) {
    if (error)
      fail(free.string(), text('"', error.message(), "\" on looking for it"), "a place for the run directory",
           "choose one with --out");
    free = text(wanted.string(), '-', number);
  }
  return free;
}

SaveOptions save_options(const Session& session) {
  return {.minutes = session.recipe.save_minutes, .steps = session.recipe.save_steps, .judged_on = session.judged_on()};
}

void require_memory(Session& session) {
  ebb::require_memory(*session.model, *session.optimizer, session.trainer.options(), session.train);
}

std::string environment_of(const Session& session) {
  return environment_json(dataset_sha256(*session.data.train), dataset_sha256(*session.data.test));
}

// The recipe of a run and how its images are standardised.
std::pair<Recipe, std::optional<PixelStatistics>> beginning_of(const std::string& run) {
  const RunDirectory directory(run, RunDirectory::Open::existing);
  return {directory.recipe(), directory.standardisation()};
}

// The data must be those that the run began with.
void require_same_data(const RunDirectory& directory, const std::string& environment, bool allow_change) {
  if (allow_change) return;
  const std::string file = (directory.path() / run_files::environment.name).string();
  const std::optional<std::string> begun = directory.environment();
  if (begun && data_checksums(environment, "data") != data_checksums(*begun, file))
    fail(file, "checksums of other data", "the data that the run began with",
         "--allow-change accepts other data from here on");
  // It is the last file that `ebb train` writes before the first step.
  if (!begun && !directory.checkpoints().steps().empty())
    fail(file, "no such file", "the checksums of the data that the run began with",
         "--allow-change accepts the data that are there");
}

}  // namespace

int run(const TrainCommand& command) {
  Recipe recipe = find_recipe(command.what);
  apply_settings(recipe, command.settings);
  if (command.print_recipe) {
    std::cout << to_toml(recipe);
    return 0;
  }
  Session session(recipe);
  require_memory(session);
  RunDirectory directory(directory_for(recipe, command.overwrite),
                         command.overwrite ? RunDirectory::Open::overwrite : RunDirectory::Open::fresh,
                         save_options(session));
  directory.describe(recipe, environment_of(session));
  std::cout << printable(session.header()) << "run directory " << printable_line(directory.path().string()) << "\n\n"
            << std::flush;
  return train_in(session, directory);
}

int run(const ResumeCommand& command) {
  const auto [begun, standardisation] = beginning_of(command.directory);
  Recipe recipe = begun;
  apply_settings(recipe, command.settings);
  for (const RecipeKey& key : recipe_keys()) {
    const bool changed = get(recipe, key.key) != get(begun, key.key);
    if (changed && !command.allow_change &&
        std::ranges::find(harmless, std::string_view(key.key)) == std::end(harmless))
      fail(key.key, text('"', get(recipe, key.key), "\" in a run with \"", get(begun, key.key), '"'),
           "the settings that the run began with", "--allow-change accepts another training from here on");
  }
  Session session(recipe, standardisation);
  require_memory(session);
  RunDirectory directory(command.directory, RunDirectory::Open::existing, save_options(session));
  const std::string environment = environment_of(session);
  require_same_data(directory, environment, command.allow_change);
  const bool described = directory.environment().has_value();
  const bool found = directory.resume(session.trainer);
  if (!command.settings.empty() || !described) directory.describe(recipe, environment);
  std::cout << printable(session.header()) << "run directory " << printable_line(directory.path().string()) << ", "
            << (found ? text("resumed after batch ", session.trainer.batches_done()) : "begun anew: no checkpoint")
            << "\n\n"
            << std::flush;
  return train_in(session, directory);
}

}  // namespace ebb
