/// \file
/// Reports of runs: pages that need nothing but a browser.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lab/audit/audit_record.h"
#include "lab/diagnose/diagnosis.h"
#include "lab/recipe/recipe.h"
#include "lab/runs/evaluation_record.h"
#include "lab/runs/recipe_changes.h"
#include "lab/runs/run_log.h"

namespace ebb {

/// What the files of a run directory say.
struct RunData {
  std::string name;                                              ///< Of the directory.
  std::string parent;                                            ///< Name of the directory that it is in.
  Recipe recipe;                                                 ///< As resolved, after all changes.
  std::vector<RecipeChange> changes = {};                        ///< What resuming it changed.
  std::vector<std::pair<std::string, std::string>> environment;  ///< Key and value, in the order of the file.
  std::vector<std::pair<std::string, std::string>> summary;      ///< As above, without the curve; empty: not finished.
  std::optional<AuditRecord> audit;                              ///< Of the beginning; runs of old have none.
  LogContents log;                                               ///< Steps, epochs, events.
  std::vector<DiagnosisRow> diagnosis;                           ///< Empty: the run was not diagnosed.
  std::optional<EvaluationRecord> evaluation;                    ///< Of the final weights.
};

/// Reads a run directory, of a finished run or one on its way.
/// \throws Error naming the file and what is wrong with it.
RunData read_run(const std::filesystem::path& directory);

/// One run as a self-contained HTML page: key figures, what decay meets in the network, learning curves, learning rate
/// and decay, norms by group, confusion, classes, worst mistakes as pictures, recipe, environment. Without gnuplot the
/// page says so and has the numbers of the curves in tables.
std::string report_page(const RunData& run);

/// Several runs side by side: results, learning, decay and norms. Runs whose recipes differ only in their seed form one
/// curve, their mean, with a band from the lowest to the highest.
/// \param left_out what to say of runs that could not be read, a sentence each.
std::string comparison_page(const std::vector<RunData>& runs, const std::vector<std::string>& left_out = {});

}  // namespace ebb
