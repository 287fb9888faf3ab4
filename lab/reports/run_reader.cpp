#include "lab/reports/report.h"

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(path.string(), "a file that cannot be opened", "a file of a run directory");
  return {std::istreambuf_iterator<char>(file), {}};
}

// The flat entries of an object as text.
std::vector<std::pair<std::string, std::string>> flat_entries(const fs::path& path) {
  std::vector<std::pair<std::string, std::string>> out;
  try {
    const Json json = Json::parse(read(path));
    for (const auto& [key, value] : json.items())
      if (!value.is_structured()) out.emplace_back(key, value.is_string() ? value.get<std::string>() : value.dump());
  } catch (const Json::exception& error) {
    fail(path.string(), text("what is no JSON: ", error.what()), "a file as Ebb writes it");
  }
  return out;
}

}  // namespace

RunData read_run(const fs::path& directory) {
  if (!fs::exists(directory / "recipe.toml"))
    fail(directory.string(), "a directory without recipe.toml", "a run directory", "see which runs there are: ls runs");
  const fs::path full = fs::absolute(directory).lexically_normal();
  RunData out{.name = (full.has_filename() ? full : full.parent_path()).filename().string(),
              .recipe = find_recipe((directory / "recipe.toml").string()),
              .environment = flat_entries(directory / "environment.json"),
              .summary = {},
              .log = read_log(directory / "log.jsonl"),
              .evaluation = {}};
  if (fs::exists(directory / "summary.json")) out.summary = flat_entries(directory / "summary.json");
  const fs::path evaluation = directory / "evaluation.json";
  if (fs::exists(evaluation)) out.evaluation = record_from_json(read(evaluation), evaluation.string());
  return out;
}

}  // namespace ebb
