#include "lab/runs/run_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "framework/io/atomic_file.h"
#include "framework/io/safetensors.h"
#include "framework/tensor/error.h"
#include "lab/training/trainer.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

constexpr std::array files{"summary.json", "recipe.toml",       "environment.json",
                           "log.jsonl",    "model.safetensors", "report.html"};

bool there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

bool has_run(const fs::path& directory) { return there(directory / "recipe.toml") || there(directory / "checkpoints"); }

}  // namespace

RunDirectory::RunDirectory(fs::path path, Open how, SaveOptions options)
    : path_(std::move(path)), options_(std::move(options)), checkpoints_(path_ / "checkpoints", options_.keep) {
  if (how == Open::existing && !has_run(path_))
    fail(path_.string(), "a directory without a run", "a run directory: one with recipe.toml and checkpoints",
         "see which runs there are: ls runs");
  std::error_code error;
  fs::create_directories(path_, error);
  if (error)
    fail(path_.string(), text("a directory that cannot be made: ", error.message()), "a writable run directory",
         "choose another with --out");
  lock();
  remove_stale_temporaries(path_);
  remove_stale_temporaries(checkpoints_.directory());
  if (how == Open::fresh && has_run(path_)) {
    ::close(std::exchange(lock_, -1));
    fail(path_.string(), finished() ? "a directory with a finished run" : "a directory with an unfinished run",
         "a directory without a run",
         text(finished() ? std::string() : text("go on with `ebb resume ", path_.string(), "`, "),
              "choose another with --out, or give --overwrite to replace it"));
  }
  if (how == Open::overwrite) {
    for (const std::int64_t step : checkpoints_.steps()) fs::remove(checkpoints_.file(step), error);
    for (const char* const file : files) fs::remove(path_ / file, error);
  }
  log_.emplace(path_ / "log.jsonl");
}

RunDirectory::~RunDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

void RunDirectory::lock() {
  const fs::path file = path_ / "lock";
  lock_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0)
    fail(file.string(), text('"', std::generic_category().message(errno), "\" on opening"), "a writable run directory");
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    const int cause = errno;
    std::array<char, 32> owner{};
    const bool known = ::pread(lock_, owner.data(), owner.size() - 1, 0) > 0;
    ::close(std::exchange(lock_, -1));
    if (cause == EWOULDBLOCK)
      fail(path_.string(), text("a run directory that process ", known ? owner.data() : "?", " is using"),
           "one that nobody uses", "wait for it, end it, or choose another directory");
    fail(file.string(), text('"', std::generic_category().message(cause), "\" on locking"), "a lock");
  }
  // Whose it is stands in it for the message above alone: the lock itself ends with the process.
  const std::string owner = text(static_cast<long>(::getpid()));
  if (::ftruncate(lock_, 0) != 0 || ::pwrite(lock_, owner.data(), owner.size(), 0) < 0) return;
}

void RunDirectory::describe(const Recipe& recipe, const std::string& environment) const {
  write_file(path_ / "environment.json", environment);
  write_file(path_ / "recipe.toml", to_toml(recipe));
}

Recipe RunDirectory::recipe() const { return find_recipe((path_ / "recipe.toml").string()); }

std::optional<PixelStatistics> RunDirectory::standardisation() const {
  const std::optional<Checkpoints::Found> found = checkpoints_.newest();
  return found ? statistics_from(found->state.metadata, checkpoints_.file(found->step).string()) : std::nullopt;
}

bool RunDirectory::resume(Trainer& trainer) {
  const std::optional<Checkpoints::Found> found = checkpoints_.newest();
  if (found) trainer.load_state(found->state);
  std::error_code error;
  if (!trainer.done()) fs::remove(path_ / "summary.json", error);  // not finished any longer
  const std::int64_t step = trainer.batches_done();
  if (found)
    for (const std::string& problem : found->problems) log_->event("warning", problem, step, trainer.epoch());
  log_->event("resume", text("went on after batch ", step), step, trainer.epoch());
  saved_ = found ? Place{found->step, trainer.epoch()} : Place{};
  saved_at_ = Clock::now();
  return found.has_value();
}

bool RunDirectory::save(const Trainer& trainer) {
  const std::int64_t step = trainer.batches_done();
  const Place here{step, trainer.epoch()};
  if (here == saved_) return true;
  saved_at_ = Clock::now();
  due_ = false;
  try {
    checkpoints_.save(step, trainer.best_step(), trainer.save_state());
  } catch (const Error& error) {
    problem_ = error.what();
    trainer.report({"warning", text("no checkpoint after batch ", step, ", training goes on: ", problem_)});
    return false;
  }
  saved_ = here;
  problem_.clear();
  return true;
}

void RunDirectory::finish(const State& weights, const std::optional<PixelStatistics>& standardisation,
                          const EvaluationRecord& evaluation, const TrainSummary& summary) {
  std::map<std::string, std::string> metadata{
      {"recipe", summary.recipe}, {"model", summary.model}, {"data", summary.data}};
  if (standardisation) metadata.merge(to_metadata(*standardisation));
  save_safetensors(path_ / "model.safetensors", weights, metadata);
  write_file(path_ / "evaluation.json", to_json(evaluation));
  write_file(path_ / "summary.json", to_json(summary));
}

bool RunDirectory::finished() const { return there(path_ / "summary.json"); }

std::string RunDirectory::problems() const {
  std::string out = problem_;
  if (log_ && !log_->problem().empty()) out += text(out.empty() ? "" : "\n", log_->problem());
  return out;
}

void RunDirectory::on_step(const Trainer& trainer, const StepResult& step) {
  if (!step.groups.empty()) log_->step(step);
  using Minutes = std::chrono::duration<double, std::ratio<60>>;
  due_ = due_ || (options_.steps > 0 && step.step % options_.steps == 0) ||
         (options_.minutes > 0 && Minutes(Clock::now() - saved_at_).count() >= options_.minutes);
  // The last batch of an epoch is saved with its evaluation.
  if (due_ && step.position < step.batches && trainer.can_save()) save(trainer);
}

void RunDirectory::on_epoch(const Trainer& trainer, const EpochResult& epoch) {
  log_->epoch(epoch, options_.judged_on);
  due_ = true;
  if (trainer.can_save()) save(trainer);
}

void RunDirectory::on_event(const Trainer& trainer, const TrainEvent& event) {
  log_->event(event.kind, event.text, trainer.batches_done(), trainer.epoch());
}

}  // namespace ebb
