#include "data/find_data.h"

#include <cstdlib>
#include <system_error>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

// The first of `names` that is there, or nothing.
fs::path first_of(const fs::path& directory, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    std::error_code error;
    if (fs::exists(directory / name, error)) return directory / name;
  }
  return {};
}

}  // namespace

std::vector<fs::path> find_data(const DataSearch& search) {
  std::vector<fs::path> places;
  const auto with_subfolder = [&](const fs::path& directory) {
    places.push_back(directory);
    places.push_back(directory / search.set);
  };
  const char* const variable = std::getenv("EBB_DATA");
  const bool variable_set = variable != nullptr && *variable != '\0';
  if (!search.directory.empty()) {
    with_subfolder(search.directory);
  } else {
    if (variable_set) with_subfolder(variable);
    places.insert(places.end(), search.system_directories.begin(), search.system_directories.end());
  }

  std::string looked;
  for (const fs::path& place : places) {
    std::vector<fs::path> found;
    std::string missing;
    for (const std::vector<std::string>& names : search.files) {
      found.push_back(first_of(place, names));
      if (found.back().empty()) missing += text(missing.empty() ? "" : ", ", names.front());
    }
    if (missing.empty()) return found;
    if (const fs::path archive = first_of(place, search.archives); !archive.empty()) return {archive};
    std::error_code error;
    if (!fs::is_directory(place, error)) missing = "no such directory";
    else missing = text("without ", missing);
    looked += text(looked.empty() ? "" : "; ", place.string(), " (", missing, ")");
  }
  if (search.directory.empty() && !variable_set) looked += text(looked.empty() ? "" : "; ", "EBB_DATA is not set");
  fail(search.set, text("no data in: ", looked), "a directory with its files", search.remedy);
}

}  // namespace ebb
