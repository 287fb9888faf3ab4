// `ebb audit`.
#include <iostream>
#include <optional>
#include <utility>

#include "data/pixel_statistics.h"
#include "framework/io/atomic_file.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "lab/audit/audit.h"
#include "lab/program/commands.h"
#include "lab/program/destination.h"
#include "lab/program/progress.h"
#include "lab/runs/checkpoints.h"
#include "lab/runs/recipe_changes.h"
#include "lab/setup/extensions.h"
#include "lab/setup/session.h"

namespace ebb {
namespace {

bool is_run(const std::filesystem::path& what) { return std::filesystem::is_directory(what); }

Recipe recipe_of(const AuditCommand& command) {
  const std::filesystem::path what = command.what;
  Recipe recipe = is_run(what) ? for_program(run_recipe(Directory(what)).now, command.extensions)
                               : find_recipe(command.what, command.extensions);
  apply_settings(recipe, command.settings);
  return recipe;
}

}  // namespace

int run(const AuditCommand& command) {
  require_two_files(command.json, command.svg);
  for (const std::string& file : {command.json, command.svg})
    if (!file.empty()) require_destination(file, {.inputs = {command.what}, .runs = {command.what}});
  Recipe recipe = recipe_of(command);
  std::optional<TrainState> state;
  std::optional<PixelStatistics> standardisation;
  if (is_run(command.what)) {
    const Directory directory(command.what);
    const Checkpoints checkpoints(directory);
    if (auto found = checkpoints.newest()) {
      standardisation = statistics_from(found->state.metadata, checkpoints.file(found->step).string());
      state = std::move(found->state);
    }
  }
  if (state) recipe.init.clear(), recipe.init_except.clear();  // the checkpoint has the weights
  Session session(recipe, standardisation, reading_progress());
  if (state) session.trainer.load_state(*state);
  const Audit found = session.audited(session.recipe.batch, command.probe);
  if (!command.json.empty()) write_file(command.json, found.json());
  if (!command.svg.empty()) write_file(command.svg, found.svg());
  std::cout << printable(found.text());
  return found.problems.empty() ? 0 : 1;
}

}  // namespace ebb
