// Files that commands write and that nobody must lose.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ebb {

// \param read what the command reads, in any spelling: never written over.
// \param overwrite whether another file that is there may be replaced.
// \throws Error naming the file unless it may be written.
void require_free(const std::string& file, const std::vector<std::filesystem::path>& read, bool overwrite);

}  // namespace ebb
