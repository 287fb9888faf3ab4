#include "lab/reports/report.h"

#include <nlohmann/json.hpp>

#include "framework/io/json_nesting.h"
#include "framework/tensor/error.h"
#include "lab/runs/run_files.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// The flat entries of an object as text.
std::vector<std::pair<std::string, std::string>> flat_entries(const fs::path& run, const RunFile& file) {
  std::vector<std::pair<std::string, std::string>> out;
  try {
    const std::string content = read_run_file(run, file);
    require_json_nesting(content, (run / file.name).string());
    const Json json = Json::parse(content);
    for (const auto& [key, value] : json.items())
      if (!value.is_structured())
        out.emplace_back(key, value.is_null()     ? "not finite"
                              : value.is_string() ? value.get<std::string>()
                                                  : value.dump());
  } catch (const Json::exception& error) {
    fail((run / file.name).string(), text("what is no JSON: ", error.what()), "a file as Ebb writes it");
  }
  return out;
}

}  // namespace

RunData read_run(const fs::path& directory) {
  if (!fs::exists(directory / run_files::recipe.name))
    fail(directory.string(), "a directory without recipe.toml", "a run directory", "see which runs there are: ls runs");
  const fs::path full = fs::absolute(directory).lexically_normal();
  const fs::path own = full.has_filename() ? full : full.parent_path();
  RunRecipe recipe = run_recipe(Directory(directory));
  RunData out{.name = own.filename().string(),
              .parent = own.parent_path().filename().string(),
              .recipe = std::move(recipe.now),
              .changes = std::move(recipe.changes),
              .environment = flat_entries(directory, run_files::environment),
              .summary = {},
              .audit = {},
              .log = read_log(directory / run_files::log.name),
              .diagnosis = {},
              .evaluation = {}};
  const fs::path diagnostics = directory / run_files::diagnostics.name;
  if (fs::exists(diagnostics))
    out.diagnosis = diagnosis_from_csv(read_run_file(directory, run_files::diagnostics), diagnostics.string());
  if (fs::exists(directory / run_files::summary.name)) out.summary = flat_entries(directory, run_files::summary);
  const fs::path audit = directory / run_files::audit.name;
  if (fs::exists(audit)) out.audit = audit_record_from_json(read_run_file(directory, run_files::audit), audit.string());
  const fs::path evaluation = directory / run_files::evaluation.name;
  if (fs::exists(evaluation))
    out.evaluation = record_from_json(read_run_file(directory, run_files::evaluation), evaluation.string());
  return out;
}

}  // namespace ebb
