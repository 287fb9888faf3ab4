// The directory of a study: private to the runner.
#pragma once

#include <string>
#include <vector>

#include "lab/study/declaration.h"
#include "lab/study/runner.h"
#include "lab/study/trial_file.h"
#include "lab/study/workers.h"

namespace ebb {

namespace study_files {
inline constexpr const char* study = "study.json";
inline constexpr const char* trials = "trials";
inline constexpr const char* results = "results.csv";
inline constexpr const char* times = "times.csv";
inline constexpr const char* verdicts = "verdicts.csv";
inline constexpr const char* report = "report.html";
}  // namespace study_files

// Trials that are there, and what is to be said of those that are not taken.
struct StoredTrials {
  std::vector<TrialResult> current = {};
  std::vector<TrialJob> wanting = {};
  std::vector<std::string> notes = {};
};

// The plan of a run. \throws Error for options or a study that are not sound.
StudyPlan plan_of(const Study& study, const StudyRunOptions& options, const StudyData& data);

// Makes one trial in this process.
TrialResult make_trial(const StudyPlan& plan, const std::string& key, const StudyData& data, const TrialJob& job);

// Writes it. \param trials the directory study_files::trials.
void write_trial(const Directory& trials, const TrialResult& trial, const TrialJob& job);

// Reads all trials of a plan. \throws Error where a trial cannot be put: something that is no file has its name.
StoredTrials read_trials(const Directory& trials, const StudyPlan& plan, const std::string& key);

// All trials of a plan that was run, with its record: for pages. Locks the directory meanwhile.
// \throws Error naming what is not there.
struct StoredStudy {
  StudyPlan plan;
  StudyRecord record;
  std::vector<TrialResult> trials;
};
StoredStudy read_study(const Study& study, const StudyRunOptions& options);

// The results of trials in the order of arms and pairs.
Results results_of(const Study& study, const std::vector<TrialResult>& trials);

}  // namespace ebb
