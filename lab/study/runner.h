/// \file
/// Runs studies: trials as files that survive a kill, in processes beside each other.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lab/study/study.h"

namespace ebb {

/// How a study is run.
struct StudyRunOptions {
  std::filesystem::path out = "runs/studies";  ///< A directory NAME is made in it, see study_directory().
  std::filesystem::path data = {};             ///< See StudyData.
  std::optional<Tier> tier = {};               ///< The study's, or this where it is smaller.
  std::vector<std::uint64_t> pairs = {};       ///< Empty: 1 to the study's number of pairs.
  int jobs = 1;                                ///< Processes at a time, 1 to 1024.
  bool fresh = false;                          ///< Make every trial again.
  /// Arguments of this very program, its name first, that make it call serve_study(); empty: trials run in this
  /// process.
  std::vector<std::string> worker = {};
  std::string program = "ebb study";                  ///< What its commands are called with, for pages and messages.
  std::function<void(const std::string&)> note = {};  ///< Told what a reader should know: stale trials.
  std::function<void(std::int64_t, std::int64_t)> progress = {};  ///< Told how many trials are done, of how many.
  std::function<bool()> stop = {};                                ///< Asked often; true ends the run with what is done.
};

/// What a study came to.
struct StudyOutcome {
  std::string skipped = {};                ///< Why it was not run: data that are not there. Empty: it was.
  bool stopped = false;                    ///< StudyRunOptions::stop said so.
  std::vector<std::string> failures = {};  ///< A sentence for each trial that failed; up to ten, then the run ends.
  std::int64_t trials = 0;                 ///< In all.
  std::int64_t made = 0;                   ///< In this run; the others were there.
  std::vector<Judged> verdicts = {};       ///< Of the study's claims, when all trials are there.

  /// Whether one of them is surprising().
  bool surprising() const;
};

/// `out`/NAME, or `out`/NAME-T1 where the tier is smaller than the study's. In it:
///
///     study.json     declaration, data, environment
///     trials/        a file for each trial
///     results.csv    arm, pair, measure, step, value
///     times.csv      arm, pair, seconds
///     verdicts.csv   what became of each claim
///     report.html    all of it as a page
///     lock           the number of the process that uses it
std::filesystem::path study_directory(const Study& study, const StudyRunOptions& options);

/// Runs what is missing, judges, and writes the files. A trial that is there is taken when it was made of this
/// declaration, data, version of Ebb and instruction set; a stale or damaged one is noted and made again. Files do not
/// depend on jobs, threads, order or interruptions, times and surroundings excepted.
/// \throws Error for a study or options that are not sound, and for what cannot be read or written.
StudyOutcome run_study(const Study& study, const StudyRunOptions& options);

/// Serves the runner that started this process, see StudyRunOptions::worker.
/// \param arguments behind those that options.worker has.
/// \returns the exit status. \throws Error for arguments that no runner gives.
int serve_study(const std::vector<Study>& studies, const std::vector<std::string>& arguments);

/// Runs one trial that is there again. \param choice decides which, any number. \returns what differs, empty: nothing.
/// \throws Error when the trial is not there.
std::string check_study(const Study& study, const StudyRunOptions& options, std::uint64_t choice);

}  // namespace ebb
