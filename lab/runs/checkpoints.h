/// \file
/// The checkpoints of a run on the disk.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "framework/io/directory.h"
#include "lab/training/train_state.h"

namespace ebb {

/// Files `step-00000120.safetensors` in a directory of their own, each with the complete state of a training. A file
/// is written beside its name, synced and renamed; it is read back and compared before others are removed, of which the
/// last few and the best one stay. So there is a good checkpoint at every moment.
class Checkpoints {
 public:
  /// \param run where the directory "checkpoints" is, or is made by the first save; must outlive this object.
  /// \param keep how many of the newest stay, at least 1.
  explicit Checkpoints(const Directory& run, int keep = 3);
  explicit Checkpoints(Directory&& run, int keep = 3) = delete;

  /// Saves the state after `step` batches.
  /// \param best_step step of the best evaluation so far, whose checkpoint stays too; 0: none.
  /// \throws Error naming file and cause; every older checkpoint is as it was.
  void save(std::int64_t step, std::int64_t best_step, const TrainState& state) const;

  /// Steps of the checkpoints that are there, ascending.
  std::vector<std::int64_t> steps() const;

  /// The state after `step` batches.
  /// \throws Error naming the file and what is wrong with it.
  TrainState load(std::int64_t step) const;

  /// A checkpoint that was found.
  struct Found {
    std::int64_t step = 0;              ///< Batches before it.
    TrainState state;                   ///< What it holds.
    std::vector<std::string> problems;  ///< Newer ones that could not be read: a sentence each.
  };

  /// The newest checkpoint that can be read; nothing when there is none at all.
  /// \throws Error when there are some and none can be read.
  std::optional<Found> newest() const;

  /// Removes all of them, and what killed processes left of others.
  void clear() const;

  /// Removes what killed processes left of files that they were writing.
  void clean() const;

  /// The path of the file of a step, for messages.
  std::filesystem::path file(std::int64_t step) const;

 private:
  std::optional<Directory> there() const;

  const Directory& run_;
  int keep_;
};

}  // namespace ebb
