/// \file
/// What a training leaves on the disk, and finds there again.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "data/pixel_statistics.h"
#include "framework/io/directory.h"
#include "lab/diagnose/diagnostics.h"
#include "lab/recipe/recipe.h"
#include "lab/runs/checkpoints.h"
#include "lab/runs/evaluation_record.h"
#include "lab/runs/model_card.h"
#include "lab/runs/recipe_changes.h"
#include "lab/runs/run_log.h"
#include "lab/training/summary.h"
#include "lab/training/train_observer.h"

namespace ebb {

/// When a RunDirectory saves within an epoch; it always does so at an epoch's end.
struct SaveOptions {
  double minutes = 5;                 ///< Minutes between checkpoints; 0: none.
  std::int64_t steps = 0;             ///< Batches between checkpoints; 0: none.
  int keep = 3;                       ///< Newest checkpoints that stay, beside the best one.
  std::string evaluated_on = "test";  ///< What the log calls the data of the evaluations: "test" or "validation".
};

/// The directory of one run, locked while this object lives:
///
///     recipe.toml         the resolved recipe that it was begun with
///     changes.jsonl       what resuming it changed of that; see run_recipe()
///     environment.json    what the run was made with
///     audit.json          what decay meets in the network
///     skipped.txt         pictures that could not be read, of a run that leaves them out
///     log.jsonl           a line for every step that was measured, epoch and event
///     diagnostics.csv     what decay and updates did to the weights, of a run that is diagnosed
///     checkpoints/        states to go on from
///     tensorboard/        events.out.tfevents.*, of a run that writes them; see TensorBoard
///     model.safetensors   the final weights
///     evaluation.json     what they do on the test data: confusion, worst mistakes
///     summary.json        what the run came to
///     report.html         all of it as a page
///     lock                the number of the process that uses the run
///
/// It is held open: the files stay in this directory should it be moved. Symbolic links in it are neither read nor
/// written through.
///
/// As an observer of a trainer it writes log and checkpoints. A checkpoint or a line that cannot be written does not
/// end the training: it is tried again at the next occasion, and problems() tells.
class RunDirectory : public TrainObserver {
 public:
  /// Whether the directory should hold a run already.
  enum class Open : std::uint8_t {
    fresh,      ///< It must not: none of the files above may be there, nor anything in checkpoints/ or tensorboard/.
    overwrite,  ///< Those that are there are removed: checkpoints, events and the files above, and nothing else.
    existing,   ///< It must: there is recipe.toml, or checkpoints/.
  };

  /// Asks what the constructor asks, before the work that comes first; makes nothing. \throws Error as it does.
  static void require_place(const std::filesystem::path& path, Open how);

  /// Makes or opens the directory and locks it; removes what killed processes were writing.
  /// \throws Error naming the directory and the cause, the files that are there, or the process that is using it.
  RunDirectory(const std::filesystem::path& path, Open how, SaveOptions options = {});

  /// Writes recipe.toml, audit.json, skipped.txt and environment.json, before the first step.
  /// \param environment JSON; see environment_json(). \param audit JSON; see Audit::json(). Empty: no such file.
  /// \param skipped lines; see skipped_list(). Empty: no such file.
  /// \throws Error naming file and cause.
  void describe(const Recipe& recipe, const std::string& environment, const std::string& audit = {},
                const std::string& skipped = {});

  /// The text of environment.json; nothing when the process was killed before it wrote that.
  /// \throws Error naming file and cause.
  std::optional<std::string> environment() const;

  /// The recipe of the run, as it was and as it is.
  /// \throws Error as run_recipe() does.
  RunRecipe recipe() const { return run_recipe(directory_); }

  /// Notes that the run goes on with another recipe or other data from the trainer's place on, before its next step;
  /// recipe.toml and environment.json stay as they are.
  /// \param data checksums of the data; see data_checksums().
  /// \throws Error naming file and cause.
  void change(const Recipe& recipe, const std::string& data, const Trainer& trainer);

  /// How the run's images are standardised, by its newest checkpoint that can be read; nothing when there is none.
  /// \throws Error when none of several can be read.
  std::optional<PixelStatistics> standardisation() const;

  /// Loads the newest checkpoint that can be read into `trainer`; false when there is none. Checkpoints that cannot be
  /// read are noted in the log, and so is what is other than it was.
  /// \param differences takes that, a line each.
  /// \throws Error when none of several can be read, or the state does not fit.
  bool resume(Trainer& trainer, const StateOptions& options = {}, std::string* differences = nullptr);

  /// Saves a checkpoint now, unless the last one is as new.
  /// \returns false, with problems() saying why, when that failed.
  bool save(const Trainer& trainer);

  /// Where the directory is at this moment; nothing when it was removed, or moved to where nobody finds it.
  std::optional<std::filesystem::path> now() const { return directory_.removed() ? std::nullopt : directory_.now(); }

  /// Writes model.safetensors, evaluation.json and summary.json.
  /// \param card of the model; stands in the metadata of the weights.
  /// \throws Error naming file and cause.
  void finish(const State& weights, const ModelCard& card, const EvaluationRecord& evaluation,
              const TrainSummary& summary);

  /// From now on writes the rows of `diagnostics` into diagnostics.csv, with each checkpoint, and a line of the log for
  /// each window. They must be part of the trainer's state, and not end before this object.
  void follow(const Diagnostics& diagnostics) { diagnostics_ = &diagnostics; }

  /// The directory, held open.
  const Directory& held() const { return directory_; }

  /// Writes report.html.
  /// \throws Error naming file and cause.
  void write_report(const std::string& page) const;

  /// True when the run has come to its end: summary.json is there.
  bool finished() const;

  /// What could not be written so far and was not written later; empty when all is well.
  std::string problems() const;

  const std::filesystem::path& path() const { return directory_.path(); }  ///< As given.
  const Checkpoints& checkpoints() const { return checkpoints_; }          ///< In the directory.

  void on_step(const Trainer& trainer, const StepResult& step) override;
  void on_epoch(const Trainer& trainer, const EpochResult& epoch) override;
  void on_event(const Trainer& trainer, const TrainEvent& event) override;

 private:
  using Clock = std::chrono::steady_clock;

  // Before and after an evaluation the step is the same.
  struct Place {
    std::int64_t step = -1;
    std::int64_t epoch = -1;  // complete ones
    bool operator==(const Place&) const = default;
  };

  void look_for_directory(const Trainer& trainer);
  void remove_run() const;
  void remove_events() const;
  RunLog& log();
  void log_windows(std::int64_t step);
  void write_diagnostics();

  SaveOptions options_;
  Directory directory_;
  std::optional<std::filesystem::path> seen_at_;  // where it was when last looked for
  Descriptor lock_;
  Checkpoints checkpoints_;
  std::optional<RunLog> log_;
  Clock::time_point saved_at_ = Clock::now();
  Place saved_;
  bool due_ = false;  // a checkpoint is, as soon as the trainer can be saved
  std::string problem_;
  const Diagnostics* diagnostics_ = nullptr;
  std::size_t rows_logged_ = 0;  // of the diagnosis
  std::string diagnosis_problem_;
};

}  // namespace ebb
