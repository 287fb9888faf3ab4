/// \file
/// Where the files of a data set are looked for.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ebb {

/// What is looked for, and where.
struct DataSearch {
  std::string set = {};                              ///< Name of the set and of its folder, e.g. "mnist".
  std::filesystem::path directory = {};              ///< Named by the user; empty: none.
  std::vector<std::vector<std::string>> files = {};  ///< For each file needed, the names it may have.
  std::vector<std::string> archives = {};  ///< Names of archives that hold them all; taken where a file is missing.
  std::vector<std::filesystem::path> system_directories = {};  ///< Where packages put it.
  std::string remedy = {};                                     ///< How to get the data, for the message.
};

/// Finds the files of a data set. A directory that the user named is the only one looked at; otherwise the directory
/// in the environment variable EBB_DATA, then the system's directories. In the first two the files may also lie in a
/// sub-folder with the set's name.
/// \returns the path of each file, in the order of DataSearch::files, all from one directory; or that of an archive.
/// \throws Error that lists every place looked at, what was missing there, and how to get the data.
std::vector<std::filesystem::path> find_data(const DataSearch& search);

}  // namespace ebb
