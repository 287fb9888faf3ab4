// A directory that gets pictures.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "framework/io/directory.h"
#include "framework/tensor/tensor.h"

namespace ebb {

// Files whose names are known before anything is computed, so that nothing that is there is replaced by accident.
class PngFolder {
 public:
  // \param read files that are read: they are replaced in no case.
  // \throws Error when `path` is something else than a directory.
  PngFolder(std::filesystem::path path, bool overwrite, const std::vector<std::string>& read);

  // "stem-kind.png", or "stem-2-kind.png" where this was asked for before.
  // \throws Error when a file of that name is there, unless it may be replaced.
  std::string name_for(const std::string& stem, const std::string& kind);

  // Writes a picture as a whole or not at all. The first one makes the directory. \returns its path.
  std::string write(const std::string& name, const Tensor& pixels);

 private:
  std::filesystem::path path_;
  bool overwrite_;
  std::vector<std::filesystem::path> read_;
  std::set<std::string> names_;
  std::optional<Directory> directory_;
};

// The name of a file without folders and ending; of a directory its own. At most 100 bytes.
std::string stem_of(const std::string& path);

}  // namespace ebb
