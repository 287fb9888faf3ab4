#include "lab/use/picture_list.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

bool is_picture_name(const fs::path& path) {
  std::string end = path.extension().string();
  std::ranges::transform(end, end.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return !path.filename().string().starts_with('.') && (end == ".png" || end == ".jpg" || end == ".jpeg");
}

}  // namespace

std::vector<std::string> pictures_of(const std::vector<std::string>& paths) {
  std::vector<std::string> out;
  for (const std::string& path : paths) {
    std::error_code error;
    if (path == "-" || !fs::is_directory(path, error)) {
      out.push_back(path);
      continue;
    }
    std::vector<std::string> names;
    for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error))
      if (is_picture_name(entry->path())) names.push_back(entry->path().string());
    if (error) fail(path, error.message(), "a directory that can be read");
    if (names.empty()) fail(path, "a directory without a picture (.png, .jpg, .jpeg)", "at least one");
    std::ranges::sort(names);
    out.insert(out.end(), names.begin(), names.end());
  }
  return out;
}

}  // namespace ebb
