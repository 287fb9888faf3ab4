// `ebb train` and `ebb resume`.
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "framework/io/atomic_file.h"
#include "framework/io/safetensors.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "lab/program/commands.h"
#include "lab/program/company.h"
#include "lab/program/program_name.h"
#include "lab/program/progress.h"
#include "lab/program/run_beginning.h"
#include "lab/program/training.h"
#include "lab/recipe/names.h"
#include "lab/runs/environment.h"
#include "lab/runs/run_files.h"
#include "lab/setup/diagnosis.h"
#include "lab/setup/extensions.h"
#include "lab/training/last_batch.h"
#include "lab/training/memory_estimate.h"
#include "lab/training/share_state.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

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

// What would end the training later on ends it before anything is written.
void require_what_it_takes(Session& session, Company& company) {
  require_last_batches(*session.model, session.train, session.evaluated);
  require_memory(*session.model, *session.optimizer, session.trainer.options(), session.train, company.ranks());
}

// The recipe of a run and how its images are standardised.
std::pair<RunRecipe, std::optional<PixelStatistics>> beginning_of(const std::string& run) {
  const RunDirectory directory(run, RunDirectory::Open::existing);
  return {directory.recipe(), directory.standardisation()};
}

// The data must be those that the run began with.
void require_same_data(const RunDirectory& directory, const std::string& environment, bool allow_change) {
  if (allow_change) return;
  const std::string file = (directory.path() / run_files::environment.name).string();
  const std::optional<std::string> begun = directory.environment();
  const auto expected = [&] { return checksums_after(directory.recipe().changes, data_checksums(*begun, file)); };
  if (begun && data_checksums(environment, "data") != expected())
    fail(file, "checksums of other data", "the data that the run began with",
         "--allow-change accepts other data from here on");
  // It is the last file that `ebb train` writes before the first step.
  if (!begun && !directory.checkpoints().steps().empty())
    fail(file, "no such file", "the checksums of the data that the run began with",
         "--allow-change accepts the data that are there");
}

std::string in_words(const RunProgram& program) {
  return text('`', program.name, '`', program.things.empty() ? "" : text(" with ", program.things));
}

// Another program may have other things under the same names.
std::string other_program(const std::optional<std::string>& environment, const Recipe& recipe) {
  const RunProgram begun = environment ? program_of(*environment) : RunProgram(), here = this_program(recipe);
  if (begun.name.empty() || begun == here) return {};
  return text("begun by ", in_words(begun), ", goes on with ", in_words(here), '\n');
}

// Refuses settings that make it another training. Only what would be accepted is recommended.
void require_same_training(const Recipe& begun, Session& session, const RunDirectory& directory) {
  for (const RecipeKey& key : recipe_keys(session.recipe)) {
    const std::string was = get(begun, key.key), is = get(session.recipe, key.key);
    if (was == is || is_harmless(key.key)) continue;
    const std::string seen = text('"', is, "\" in a run with \"", was, '"');
    try {
      if (const auto found = directory.checkpoints().newest())
        session.trainer.load_state(found->state, {.other_averages = true});
    } catch (const Error& error) {
      fail(key.key, text(seen, ", whose state does not fit: ", error.what()), "the settings that the run began with",
           "for others begin a new run");
    }
    fail(key.key, seen, "the settings that the run began with", "--allow-change accepts another training from here on");
  }
}

// A recipe that stands in a run directory is how the run began.
void tell_of_changes(const fs::path& recipe) {
  const fs::path run = recipe.has_parent_path() ? recipe.parent_path() : fs::path(".");
  if (recipe.filename() != run_files::recipe.name || !fs::exists(run / run_files::changes.name)) return;
  const RunRecipe changed = run_recipe(Directory(run));
  if (!change_results(changed.changes)) return;
  complain() << printable_line(recipe.string()) << " is what that run was begun with; this training leaves out "
             << "what was changed on the way:\n";
  for (const RecipeChange& change : changed.changes) std::cerr << printable(in_words(change));
}

// A rank that does not lead, from the data on.
int follow(Company& company, const Recipe& recipe, const std::optional<PixelStatistics>& standardisation,
           const std::function<void(Session&)>& begin) {
  Session session(recipe, standardisation, {}, company.ranks());
  require_what_it_takes(session, company);
  const std::unique_ptr<Diagnostics> diagnostics = diagnose(session);
  company.require_same_data(data_checksums(environment_of(session), "data"));
  begin(session);
  return train_along(session, company);
}

int train(const TrainCommand& command, Company& company) {
  company.require_same_command(command.print_recipe ? "train --print-recipe" : "train");
  Recipe recipe = find_recipe(command.what, command.extensions);
  if (company.leads()) tell_of_changes(command.what);
  apply_settings(recipe, command.settings);
  require_no_idle_keys(recipe);
  if (command.print_recipe) {
    if (company.leads()) std::cout << to_toml(recipe);
    return company.end(0);
  }
  company.require_same(recipe);
  company.begin(recipe);
  if (!company.leads()) return follow(company, recipe, {}, [](Session&) {});
  const fs::path place = directory_for(recipe, command.overwrite);
  const auto how = command.overwrite ? RunDirectory::Open::overwrite : RunDirectory::Open::fresh;
  RunDirectory::require_place(place, how);
  const TraceFile trace{.path = command.trace, .steps = command.trace_steps, .overwrite = command.overwrite};
  require_place(trace, place.string());
  Session session(recipe, {}, reading_progress(), company.ranks());
  require_what_it_takes(session, company);
  const std::unique_ptr<Diagnostics> diagnostics = diagnose(session);
  const std::string environment = environment_of(session);
  company.require_same_data(data_checksums(environment, "data"));
  const std::string audit = audit_of(session);
  RunDirectory directory(place, how, save_options(session));
  if (diagnostics) directory.follow(*diagnostics);
  directory.describe(session.recipe, environment, audit, skipped_pictures(session));
  std::cout << printable(session.header()) << printable(company.header(session)) << "run directory "
            << printable_line(directory.path().string()) << "\n\n"
            << std::flush;
  return train_in(session, directory, trace, diagnostics.get(), company);
}

// The standardisation of a run, from the rank that leads to the others.
std::optional<PixelStatistics> share(Company& company, const std::optional<PixelStatistics>& own) {
  std::string bytes;
  if (own) {
    const std::vector<std::byte> file = serialize_safetensors({}, to_metadata(*own));
    bytes.assign(reinterpret_cast<const char*>(file.data()), file.size());
  }
  bytes = company.share(std::move(bytes));
  if (bytes.empty()) return {};
  return statistics_from(parse_safetensors(std::as_bytes(std::span(bytes)), "rank 0").metadata, "rank 0");
}

int resume(const ResumeCommand& command, Company& company) {
  std::string changes = "resume";
  for (const std::string& setting : command.settings) changes += " --set " + setting;
  company.require_same_command(changes + (command.allow_change ? " --allow-change" : ""));
  if (!company.leads()) {
    Recipe recipe = recipe_from_toml(company.share({}), "the recipe of rank 0", command.extensions);
    if (const char* const own = std::getenv("EBB_DATA"); own != nullptr && *own != '\0') recipe.data_dir.clear();
    const std::optional<PixelStatistics> standardisation = share(company, {});
    company.require_same(recipe);
    company.begin(recipe);
    return follow(company, recipe, standardisation,
                  [&](Session& session) { share_state(session.trainer, company.ranks()); });
  }
  const TraceFile trace{.path = command.trace, .steps = command.trace_steps, .overwrite = command.overwrite};
  require_place(trace, command.directory);
  const auto [begun, standardisation] = beginning_of(command.directory);
  Recipe recipe = for_program(begun.now, command.extensions);
  apply_settings(recipe, command.settings);
  if (!company.alone()) {
    company.share(to_toml(recipe));
    share(company, standardisation);
  }
  company.require_same(recipe);
  company.begin(recipe);
  Session session(recipe, standardisation, reading_progress(), company.ranks());
  require_what_it_takes(session, company);
  const std::unique_ptr<Diagnostics> diagnostics = diagnose(session);
  RunDirectory directory(command.directory, RunDirectory::Open::existing, save_options(session));
  if (!command.allow_change) require_same_training(begun.now, session, directory);
  const std::string environment = environment_of(session);
  require_same_data(directory, environment, command.allow_change);
  company.require_same_data(data_checksums(environment, "data"));
  if (diagnostics) directory.follow(*diagnostics);
  if (!directory.environment()) directory.describe(begun.first, environment, audit_of(session));
  const std::string other = other_program(directory.environment(), recipe);
  std::string differences;
  const bool found = directory.resume(session.trainer, {.other_averages = command.allow_change}, &differences);
  directory.change(recipe, data_checksums(environment, "data"), session.trainer);
  share_state(session.trainer, company.ranks());
  std::cout << printable(session.header()) << printable(company.header(session)) << "run directory "
            << printable_line(directory.path().string()) << ", "
            << (found ? text("resumed after batch ", session.trainer.batches_done()) : "begun anew: no checkpoint")
            << '\n'
            << (session.trainer.done() ? "it is finished: nothing is left to train, it is evaluated again\n" : "")
            << printable(other) << printable(differences) << '\n'
            << std::flush;
  return train_in(session, directory, trace, diagnostics.get(), company);
}

}  // namespace

int run(const TrainCommand& command) {
  return in_company([&](Company& company) { return train(command, company); });
}

int run(const ResumeCommand& command) {
  return in_company([&](Company& company) { return resume(command, company); });
}

}  // namespace ebb
