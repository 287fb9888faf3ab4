#include "lab/study/study_store.h"

#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "framework/io/atomic_file.h"
#include "framework/io/read_text.h"
#include "framework/tensor/error.h"
#include "lab/runs/directory_lock.h"

namespace ebb {
namespace {

constexpr std::uint64_t mebibyte = 1 << 20, most_of_trial = 256 * mebibyte, most_of_study = 16 * mebibyte;
constexpr std::size_t named = 3;

// "24 trials: arm-0000.pair-1, arm-0000.pair-2, arm-0000.pair-3 ..."
std::string listed(const std::vector<std::string>& names) {
  std::string out = text(names.size(), names.size() == 1 ? " trial: " : " trials: ");
  for (std::size_t i = 0; i < std::min(named, names.size()); ++i) out += text(i == 0 ? "" : ", ", names[i]);
  return out + (names.size() > named ? " ..." : "");
}

std::optional<TrialResult> read_trial(const Directory& trials, const std::string& file, const std::vector<Arm>& arms,
                                      std::vector<std::string>& notes) {
  try {
    FileSource source(trials, file);
    return trial_from_text(read_text(source, most_of_trial), source.name(), arms);
  } catch (const Error& error) {
    notes.push_back(text(error.what(), "; it is made again"));
    return std::nullopt;
  }
}

}  // namespace

StudyPlan plan_of(const Study& study, const StudyRunOptions& options, const StudyData& data) {
  StudyPlan plan{.study = &study,
                 .tier = study.tier,
                 .pairs = options.pairs,
                 .checksums = data.checksums(),
                 .program = options.program};
  if (options.tier && *options.tier < study.tier) plan.tier = *options.tier;
  if (plan.pairs.empty())
    for (std::int64_t pair = 1; pair <= study.pairs; ++pair) plan.pairs.push_back(static_cast<std::uint64_t>(pair));
  std::ranges::sort(plan.pairs);
  plan.pairs.erase(std::unique(plan.pairs.begin(), plan.pairs.end()), plan.pairs.end());
  return plan;
}

TrialResult make_trial(const StudyPlan& plan, const std::string& key, const StudyData& data, const TrialJob& job) {
  const std::vector<Arm> arms = arms_of(*plan.study);
  if (job.arm >= arms.size()) fail("trial", text("arm ", job.arm), text("0 to ", arms.size() - 1));
  TrialResult out;
  out.key = key;
  out.arm = arms[job.arm];
  out.pair = job.pair;
  const auto begin = std::chrono::steady_clock::now();
  plan.study->run({.arm = out.arm, .pair = job.pair, .tier = plan.tier, .data = &data}, out.record);
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return out;
}

void write_trial(const Directory& trials, const TrialResult& trial, const TrialJob& job) {
  // Syncing takes as long as a small trial, which is soon made again.
  write_file(trials, trial_name(job.arm, job.pair), to_text(trial), trial.seconds < 0.1 ? Sync::no : Sync::yes);
}

StoredTrials read_trials(const Directory& trials, const StudyPlan& plan, const std::string& key) {
  const std::vector<Arm> arms = arms_of(*plan.study);
  StoredTrials out;
  std::vector<std::string> stale;
  for (std::size_t arm = 0; arm < arms.size(); ++arm)
    for (const std::uint64_t pair : plan.pairs) {
      const std::string file = trial_name(arm, pair);
      const Directory::Entry entry = trials.entry(file);
      if (entry != Directory::Entry::nothing && entry != Directory::Entry::file)
        fail((trials.path() / file).string(), "something that is no file", "a trial, or nothing of this name",
             "remove it");
      std::optional<TrialResult> found;
      if (entry == Directory::Entry::file) {
        found = read_trial(trials, file, arms, out.notes);
        if (found && (found->key != key || found->arm != arms[arm] || found->pair != pair)) {
          stale.push_back(file);
          found.reset();
        }
      }
      if (found) out.current.push_back(std::move(*found));
      else out.wanting.push_back({arm, pair});
    }
  if (!stale.empty())
    out.notes.push_back(text(listed(stale), ": made of another declaration, data or build; made again"));
  return out;
}

StoredStudy read_study(const Study& study, const StudyRunOptions& options) {
  const std::filesystem::path path = study_directory(study, options);
  const std::string remedy = text("run it: ", options.program, " run ", study.name);
  std::error_code error;
  if (!std::filesystem::is_directory(path / study_files::trials, error))
    fail(path.string(), "no trials", "a study that was run", remedy);
  const Directory directory(path);
  const Descriptor lock = lock_directory(directory, "a study's directory");
  FileSource file(directory, study_files::study);
  StudyRecord record = study_record(read_text(file, most_of_study), file.name());
  StudyPlan plan{.study = &study,
                 .tier = study.tier,
                 .pairs = record.pairs,
                 .checksums = record.checksums,
                 .program = options.program};
  if (options.tier && *options.tier < study.tier) plan.tier = *options.tier;
  StoredTrials stored = read_trials(Directory(directory, study_files::trials), plan, study_key(plan));
  if (!stored.wanting.empty())
    fail(path.string(),
         text(stored.wanting.size(), " trials that are not there or are stale",
              stored.notes.empty() ? std::string() : text(": ", stored.notes.front())),
         "all trials of the study as it is declared", remedy);
  return {std::move(plan), std::move(record), std::move(stored.current)};
}

Results results_of(const Study& study, const std::vector<TrialResult>& trials) {
  std::map<std::pair<std::string, std::uint64_t>, const TrialResult*> by_place;
  std::vector<std::uint64_t> pairs;
  for (const TrialResult& trial : trials) {
    by_place[{arm_text(trial.arm), trial.pair}] = &trial;
    pairs.push_back(trial.pair);
  }
  std::ranges::sort(pairs);
  pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
  Results out(study.factors);
  for (const Arm& arm : arms_of(study))
    for (const std::uint64_t pair : pairs)
      if (const auto found = by_place.find({arm_text(arm), pair}); found != by_place.end())
        out.add(arm, pair, found->second->record);
  return out;
}

}  // namespace ebb
