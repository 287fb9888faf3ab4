// `ebb audit`.
#include <iostream>

#include "framework/io/atomic_file.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "lab/audit/audit.h"
#include "lab/program/commands.h"
#include "lab/runs/checkpoints.h"
#include "lab/runs/run_files.h"
#include "lab/setup/session.h"

namespace ebb {
namespace {

bool is_run(const std::filesystem::path& what) { return std::filesystem::is_directory(what); }

Recipe recipe_of(const AuditCommand& command) {
  const std::filesystem::path what = command.what;
  Recipe recipe = find_recipe(is_run(what) ? (what / run_files::recipe.name).string() : command.what);
  apply_settings(recipe, command.settings);
  return recipe;
}

// The first batch of the first epoch.
Batch first_batch(const Session& session) {
  for (Batch batch : session.train.epoch(0)) return batch;
  fail("audit", "no batch of training data", "at least one", "use a smaller batch");
}

}  // namespace

int run(const AuditCommand& command) {
  Session session(recipe_of(command));
  if (is_run(command.what)) {
    const Directory directory(command.what);
    if (const auto found = Checkpoints(directory).newest()) session.trainer.load_state(found->state);
  }
  const Batch batch = first_batch(session);
  session.model->train();
  const Audit found = audit(
      *session.model, batch.images, batch.labels, session.optimizer.get(),
      {.steps_per_epoch = step_counts(session.recipe, session.train.batches()).per_epoch, .probe = command.probe});
  if (!command.json.empty()) write_file(command.json, found.json());
  std::cout << printable(found.text());
  return found.problems.empty() ? 0 : 1;
}

}  // namespace ebb
