/// \file
/// The files of a run directory: their names, and how much of them is read.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>

namespace ebb {

/// A file of a run directory.
struct RunFile {
  const char* name;         ///< In the directory.
  std::uint64_t most_read;  ///< Bytes that a reader takes at most: files are not trusted.
};

/// The files, by what they hold; see RunDirectory.
namespace run_files {
inline constexpr std::uint64_t mebibyte = 1 << 20;                                          ///< Bytes.
inline constexpr RunFile recipe{"recipe.toml", mebibyte};                                   ///< As resolved.
inline constexpr RunFile changes{"changes.jsonl", 16 * mebibyte};                           ///< See run_recipe().
inline constexpr RunFile environment{"environment.json", mebibyte};                         ///< What it was made with.
inline constexpr RunFile audit{"audit.json", 64 * mebibyte};                                ///< See audit().
inline constexpr RunFile log{"log.jsonl", 256 * mebibyte};                                  ///< See RunLog.
inline constexpr RunFile diagnostics{"diagnostics.csv", 64 * mebibyte};                     ///< See DiagnosisRow.
inline constexpr RunFile model{"model.safetensors", std::numeric_limits<uint64_t>::max()};  ///< Final weights.
inline constexpr RunFile evaluation{"evaluation.json", 64 * mebibyte};                      ///< See EvaluationRecord.
inline constexpr RunFile summary{"summary.json", 64 * mebibyte};                            ///< See TrainSummary.
inline constexpr RunFile report{"report.html", 0};                                          ///< Written only.
inline constexpr RunFile skipped{"skipped.txt", 0};                                         ///< Written only.
/// All of them.
inline constexpr std::array all{recipe, changes,    environment, audit,  log,    diagnostics,
                                model,  evaluation, summary,     report, skipped};

inline constexpr const char* checkpoints = "checkpoints";          ///< The directory of Checkpoints.
inline constexpr const char* tensorboard = "tensorboard";          ///< The directory of event files,
inline constexpr const char* event_file = "events.out.tfevents.";  ///< and how their names begin.
inline constexpr const char* lock = "lock";                        ///< Held while a process uses the run.
}  // namespace run_files

/// The text of a file of the run directory `run`; see read_text().
/// \throws Error naming the file and what is wrong with it.
std::string read_run_file(const std::filesystem::path& run, const RunFile& file);

}  // namespace ebb
