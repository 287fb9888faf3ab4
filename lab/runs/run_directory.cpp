#include "lab/runs/run_directory.h"

#include <algorithm>
#include <cerrno>
#include <span>
#include <system_error>
#include <utility>

#include "framework/io/atomic_file.h"
#include "framework/io/read_text.h"
#include "framework/io/safetensors.h"
#include "framework/tensor/error.h"
#include "lab/format/shell_word.h"
#include "lab/runs/directory_lock.h"
#include "lab/runs/environment.h"
#include "lab/runs/run_files.h"
#include "lab/training/trainer.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

bool is_run_file(const std::string& name) {
  return std::ranges::any_of(run_files::all, [&](const RunFile& file) { return name == file.name; });
}

bool has_run(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return false;
  const Directory directory(path);
  return directory.entry(run_files::recipe.name) != Directory::Entry::nothing ||
         directory.entry(run_files::checkpoints) != Directory::Entry::nothing;
}

Directory opened(const fs::path& path, RunDirectory::Open how) {
  if (how == RunDirectory::Open::existing && !has_run(path))
    fail(path.string(), "a directory without a run", "a run directory: one with recipe.toml and checkpoints",
         "see which runs there are: ls runs");
  make_directories(path, "choose another run directory with --out");
  return Directory(path);
}

void require_no_run(const Directory& directory) {
  std::string there;
  const auto count = [&](const std::string& name) { there += text(there.empty() ? "" : ", ", name); };
  for (const RunFile& file : run_files::all)
    if (directory.entry(file.name) != Directory::Entry::nothing) count(file.name);
  // Empty, they are what a process left that was killed before it described its run.
  for (const char* const name : {run_files::checkpoints, run_files::tensorboard}) {
    const Directory::Entry entry = directory.entry(name);
    if (entry == Directory::Entry::nothing) continue;
    if (entry != Directory::Entry::directory || !Directory(directory, name).entries().empty()) count(name);
  }
  if (there.empty()) return;
  const bool finished = directory.entry(run_files::summary.name) != Directory::Entry::nothing;
  const bool is_run = directory.entry(run_files::recipe.name) == Directory::Entry::file;
  fail(directory.path().string(),
       !is_run    ? text("a directory with ", there)
       : finished ? "a directory with a finished run"
                  : "a directory with an unfinished run",
       "a directory without a run",
       text(is_run && !finished ? text("go on with `ebb resume ", shell_word(directory.path().string()), "`, ") : "",
            "choose another with --out, or give --overwrite to replace ", is_run ? "it" : "what is there"));
}

}  // namespace

void RunDirectory::require_place(const fs::path& path, Open how) {
  ebb::require_place(path, "choose another run directory with --out");
  std::error_code error;
  if (how == Open::fresh && fs::is_directory(path, error)) require_no_run(Directory(path));
}

RunDirectory::RunDirectory(const fs::path& path, Open how, SaveOptions options)
    : options_(std::move(options)),
      directory_(opened(path, how)),
      seen_at_(directory_.path()),
      checkpoints_(directory_, options_.keep) {
  if (how == Open::fresh) require_no_run(directory_);  // asked before anything is written
  lock_ = lock_directory(directory_, "a run directory");
  if (how == Open::fresh) require_no_run(directory_);
  remove_stale_temporaries(directory_, is_run_file);
  checkpoints_.clean();
  if (how == Open::overwrite) remove_run();
  // From here on there is a run; see Open::existing.
  directory_.make(run_files::checkpoints);
  if (how == Open::existing) log();
}

void RunDirectory::remove_run() const {
  for (const RunFile& file : run_files::all)
    if (directory_.entry(file.name) == Directory::Entry::directory)
      fail((path() / file.name).string(), "a directory", "a file, or nothing of this name",
           "choose another with --out");
  checkpoints_.clear();
  remove_events();
  for (const RunFile& file : run_files::all)
    if (!directory_.remove(file.name))
      fail((path() / file.name).string(), refusal(errno, "removing it"), "a writable run directory");
}

void RunDirectory::remove_events() const {
  if (directory_.entry(run_files::tensorboard) != Directory::Entry::directory) return;
  const Directory events(directory_, run_files::tensorboard);
  for (const std::string& name : events.entries())
    if (name.starts_with(run_files::event_file) && !events.remove(name))
      fail((events.path() / name).string(), refusal(errno, "removing it"), "a writable run directory");
}

RunLog& RunDirectory::log() {
  if (!log_) log_.emplace(directory_, run_files::log.name);
  return *log_;
}

// The recipe is the first: without it nothing has begun, and the directory is as good as empty.
void RunDirectory::describe(const Recipe& recipe, const std::string& environment, const std::string& audit,
                            const std::string& skipped) {
  write_file(directory_, run_files::recipe.name, to_toml(recipe));
  if (!audit.empty()) write_file(directory_, run_files::audit.name, audit);
  if (!skipped.empty()) write_file(directory_, run_files::skipped.name, skipped);
  write_file(directory_, run_files::environment.name, environment);
  log();
}

std::optional<std::string> RunDirectory::environment() const {
  if (directory_.entry(run_files::environment.name) == Directory::Entry::nothing) return std::nullopt;
  FileSource file(directory_, run_files::environment.name);
  return read_text(file, run_files::environment.most_read);
}

void RunDirectory::change(const Recipe& recipe, const std::string& data, const Trainer& trainer) {
  const RunRecipe before = run_recipe(directory_);
  const std::optional<std::string> begun = environment();
  const std::string file = (path() / run_files::environment.name).string();
  const std::vector<RecipeChange> changes = changes_at(before, recipe, trainer.batches_done(), trainer.epoch(),
                                                       begun ? data_checksums(*begun, file) : data, data);
  const std::string lines = to_json_lines(changes);
  if (lines != to_json_lines(before.changes)) write_file(directory_, run_files::changes.name, lines);
}

std::optional<PixelStatistics> RunDirectory::standardisation() const {
  const std::optional<Checkpoints::Found> found = checkpoints_.newest();
  return found ? statistics_from(found->state.metadata, checkpoints_.file(found->step).string()) : std::nullopt;
}

bool RunDirectory::resume(Trainer& trainer, const StateOptions& options, std::string* differences) {
  const std::optional<Checkpoints::Found> found = checkpoints_.newest();
  std::string other;
  if (found) other = trainer.load_state(found->state, options).text();
  if (differences != nullptr) *differences = other;
  if (!trainer.done()) directory_.remove(run_files::summary.name);  // not finished any longer
  const std::int64_t step = trainer.batches_done();
  if (found)
    for (const std::string& problem : found->problems) log().event("warning", problem, step, trainer.epoch());
  log().event("resume", text("went on after batch ", step), step, trainer.epoch());
  for (std::size_t at = 0, end = 0; (end = other.find('\n', at)) != std::string::npos; at = end + 1)
    log().event("change", other.substr(at, end - at), step, trainer.epoch());
  saved_ = found ? Place{found->step, trainer.epoch()} : Place{};
  saved_at_ = Clock::now();
  if (diagnostics_ != nullptr) rows_logged_ = diagnostics_->rows().size();
  write_diagnostics();  // a kill may have come between checkpoint and file
  return found.has_value();
}

// Tells once of each removal and each move.
void RunDirectory::look_for_directory(const Trainer& trainer) {
  const std::optional<fs::path> at = now();
  if (at == seen_at_) return;
  seen_at_ = at;
  std::string what = "was moved to where it cannot be found; files go there";
  if (at) what = at == path() ? std::string("is back in its place") : text("was moved: files go to ", at->string());
  else if (directory_.removed()) what = "was removed: nothing of this training can be saved any more";
  trainer.report({"warning", text("the run directory ", path().string(), ' ', what)});
}

bool RunDirectory::save(const Trainer& trainer) {
  look_for_directory(trainer);
  const std::int64_t step = trainer.batches_done();
  const Place here{step, trainer.epoch()};
  if (here == saved_) return true;
  saved_at_ = Clock::now();
  due_ = false;
  trainer.enter(TrainPhase::checkpoint);
  try {
    checkpoints_.save(step, trainer.best_step(), trainer.save_state());
    trainer.enter(TrainPhase::observers);
  } catch (const Error& error) {
    trainer.enter(TrainPhase::observers);
    problem_ = error.what();
    trainer.report({"warning", text("no checkpoint after batch ", step, ", training goes on: ", problem_)});
    return false;
  }
  saved_ = here;
  problem_.clear();
  write_diagnostics();
  return true;
}

// The rows of windows that ended since the last call; a trainer that went back has fewer.
void RunDirectory::log_windows(std::int64_t step) {
  if (diagnostics_ == nullptr) return;
  const std::span<const DiagnosisRow> rows = diagnostics_->rows();
  rows_logged_ = std::min(rows_logged_, rows.size());
  while (rows_logged_ < rows.size()) {
    const auto rest = rows.subspan(rows_logged_);
    const auto end = std::ranges::find_if(rest, [&](const DiagnosisRow& r) { return r.step != rest[0].step; });
    const auto count = static_cast<std::size_t>(end - rest.begin());
    log().diagnosis(rest.first(count), step);
    rows_logged_ += count;
  }
}

void RunDirectory::write_diagnostics() {
  if (diagnostics_ == nullptr) return;
  try {
    write_file(directory_, run_files::diagnostics.name, to_csv(diagnostics_->rows()));
    diagnosis_problem_.clear();
  } catch (const Error& error) {
    diagnosis_problem_ = error.what();
  }
}

void RunDirectory::finish(const State& weights, const ModelCard& card, const EvaluationRecord& evaluation,
                          const TrainSummary& summary) {
  if (directory_.removed())
    fail(path().string(), "a run directory that was removed while training", "one to write the results to",
         "what is printed is all that is left; train again");
  std::map<std::string, std::string> metadata = to_metadata(card);
  metadata["recipe"] = summary.recipe;
  save_safetensors(directory_, run_files::model.name, weights, metadata);
  write_file(directory_, run_files::evaluation.name, to_json(evaluation));
  write_file(directory_, run_files::summary.name, to_json(summary));
}

void RunDirectory::write_report(const std::string& page) const { write_file(directory_, run_files::report.name, page); }

bool RunDirectory::finished() const { return directory_.entry(run_files::summary.name) != Directory::Entry::nothing; }

std::string RunDirectory::problems() const {
  std::string out = problem_;
  if (!diagnosis_problem_.empty()) out += text(out.empty() ? "" : "\n", diagnosis_problem_);
  if (log_ && !log_->problem().empty()) out += text(out.empty() ? "" : "\n", log_->problem());
  return out;
}

void RunDirectory::on_step(const Trainer& trainer, const StepResult& step) {
  if (!step.groups.empty()) log().step(step);
  log_windows(step.step);
  using Minutes = std::chrono::duration<double, std::ratio<60>>;
  due_ = due_ || (options_.steps > 0 && step.step % options_.steps == 0) ||
         (options_.minutes > 0 && Minutes(Clock::now() - saved_at_).count() >= options_.minutes);
  // The last batch of an epoch is saved with its evaluation.
  if (due_ && step.position < step.batches && trainer.can_save()) save(trainer);
}

void RunDirectory::on_epoch(const Trainer& trainer, const EpochResult& epoch) {
  look_for_directory(trainer);
  log_windows(trainer.batches_done());
  log().epoch(epoch, options_.evaluated_on, trainer.batches_done());
  due_ = true;
  if (trainer.can_save()) save(trainer);
}

void RunDirectory::on_event(const Trainer& trainer, const TrainEvent& event) {
  log().event(event.kind, event.text, trainer.batches_done(), trainer.epoch());
  // A trainer that goes back may have as many again after its next step.
  if (diagnostics_ != nullptr) rows_logged_ = std::min(rows_logged_, diagnostics_->rows().size());
}

}  // namespace ebb
