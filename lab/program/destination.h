// Where a command is to write, looked at before its work.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ebb {

// What a command may do with the files that it writes.
struct Destination {
  std::vector<std::filesystem::path> inputs = {};  // What it reads: never replaced.
  std::vector<std::string> runs = {};              // Nor the files of runs, and nothing is put beside checkpoints.
  bool overwrite = true;                           // Whether another file that is there is replaced.
  bool makes_directory = false;                    // Whether the command makes the directory where it is missing.
  const char* remedy = "choose another, or give --overwrite to replace it";  // Where it is not.
};

// \throws Error for a name that is taken, an input under whatever name, a directory that is missing or cannot be
// written, anything but a regular file. Removes what a writer of the file left that was killed.
void require_destination(const std::string& file, const Destination& destination);

// \throws Error when the two are one file, be they there or not. Empty ones are none.
void require_two_files(const std::string& a, const std::string& b);

}  // namespace ebb
