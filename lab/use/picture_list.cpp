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

std::vector<std::string> pictures_in(const std::string& directory) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error))
    if (is_picture_name(entry->path())) names.push_back(entry->path().string());
  if (error) fail(directory, error.message(), "a directory that can be read");
  if (names.empty()) fail(directory, "a directory without a picture (.png, .jpg, .jpeg)", "at least one");
  std::ranges::sort(names);
  return names;
}

}  // namespace

PictureList pictures_of(const std::vector<std::string>& paths) {
  PictureList out;
  for (const std::string& path : paths) {
    std::error_code error;
    if (path == "-" || !fs::is_directory(path, error)) {
      out.pictures.push_back(path);
      continue;
    }
    try {
      const std::vector<std::string> found = pictures_in(path);
      out.pictures.insert(out.pictures.end(), found.begin(), found.end());
    } catch (const Error& wrong) {
      out.problems.emplace_back(wrong.what());
    }
  }
  return out;
}

}  // namespace ebb
