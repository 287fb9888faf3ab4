/// \file
/// The log of a run: a file of JSON lines.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "framework/io/byte_source.h"
#include "framework/io/directory.h"
#include "lab/diagnose/diagnosis.h"
#include "lab/training/train_observer.h"

namespace ebb {

/// Appends a line of JSON to the file for each thing that happens. A line that cannot be written (a full disk) is kept
/// and written before the next one: training goes on.
class RunLog {
 public:
  /// Opens the file `name` of `directory`, which must outlive the log, or makes it. A line that a killed process left
  /// incomplete is ended.
  /// \throws Error naming file and cause, also when it is a symbolic link or no regular file.
  RunLog(const Directory& directory, std::string name);
  RunLog(Directory&& directory, std::string name) = delete;

  void step(const StepResult& step);  ///< `{"event": "step", ...}`
  /// `{"event": "epoch", ...}`. \param step batches so far; 0: not known.
  void epoch(const EpochResult& epoch, const std::string& evaluated_on, std::int64_t step = 0);
  /// `{"event": "diagnosis", ...}`: the rows of one window in short. \param step batches so far.
  void diagnosis(std::span<const DiagnosisRow> window, std::int64_t step);
  /// `{"event": KIND, "step": ..., "epochs": ..., "text": ...}`, the state being that after `step` batches.
  void event(const std::string& kind, const std::string& text, std::int64_t step, std::int64_t epochs);

  /// What is wrong while lines wait to be written; empty otherwise.
  const std::string& problem() const { return problem_; }

 private:
  void open();
  void append(const std::string& line);

  const Directory& directory_;
  std::string name_;
  Descriptor file_;
  std::string waiting_;
  std::string problem_;
};

/// What a log says, as reports need it. Where a run was resumed from an earlier step, the lines behind that step are
/// left out: the resumed run has written them again.
struct LogContents {
  std::vector<StepResult> steps;                 ///< With step, epoch, loss, lr and groups.
  std::vector<EpochResult> epochs;               ///< The curve.
  std::map<std::int64_t, std::int64_t> ends;     ///< By epoch, the batches at its end; logs of old do not say them.
  std::map<std::int64_t, std::int64_t> windows;  ///< By the updates at a diagnosed window's end, the batches there.
  std::vector<TrainEvent> events;                ///< Everything else, in order.
  std::string evaluated_on = "test";             ///< What the evaluations were made on.
};

/// Reads a log. Lines that do not parse (the last one of a killed process), are deeper than any of ours or longer than
/// 1 MiB are left out.
/// \throws Error when the file cannot be read, is no regular file or larger than run_files::log says.
LogContents read_log(const std::filesystem::path& path);

/// As above, from a source.
LogContents read_log(ByteSource& source);

}  // namespace ebb
