#include "lab/program/free_file.h"

#include "framework/tensor/error.h"

namespace ebb {

namespace fs = std::filesystem;

void require_free(const std::string& file, const std::vector<fs::path>& read, bool overwrite) {
  std::error_code error;
  for (const fs::path& path : read)
    if (fs::equivalent(file, path, error) && !error)
      fail(file, "the file that is read", "another one", "choose another name");
  const fs::file_status status = fs::status(file, error);
  if (fs::is_directory(status)) fail(file, "a directory", "the name of a file");
  if (fs::exists(status) && !overwrite)
    fail(file, "a file that is there", "a name that is free", "choose another, or give --overwrite to replace it");
}

}  // namespace ebb
