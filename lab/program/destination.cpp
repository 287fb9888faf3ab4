#include "lab/program/destination.h"

#include <sys/stat.h>

#include "framework/io/atomic_file.h"
#include "framework/io/fail_refused.h"
#include "lab/format/shell_word.h"
#include "lab/runs/run_files.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

fs::path directory_of(const fs::path& file) { return file.has_parent_path() ? file.parent_path() : fs::path("."); }

void require_directory(const std::string& file) {
  const fs::path directory = directory_of(file);
  struct stat status {};
  if (::stat(directory.c_str(), &status) == 0) return;
  if (errno == ENOENT)
    fail(file, text("no directory ", directory.string()), "a directory that is there",
         text("make it: mkdir -p ", shell_word(directory.string())));
  fail_refused(file, errno, "looking for its directory", "a directory that can be written",
               "check the path and its permissions");
}

bool same(const fs::path& a, const fs::path& b) {
  std::error_code error;
  return fs::equivalent(a, b, error) && !error;
}

// All files of a run but its page, which is made again of them.
void require_no_file_of(const std::string& file, const fs::path& run) {
  for (const RunFile& own : run_files::all)
    if (std::string_view(own.name) != run_files::report.name && same(file, run / own.name))
      fail(file, "the file that is read, or one of the same run", "another one", "choose another name");
  for (const char* const own : {run_files::checkpoints, run_files::tensorboard})
    if (same(directory_of(file), run / own))
      fail(file, text("a place in ", (run / own).string()), "one outside of what the run keeps", "choose another name");
}

}  // namespace

void require_destination(const std::string& file, const Destination& destination) {
  struct stat status {};
  const bool there = ::lstat(file.c_str(), &status) == 0;
  if (!there && errno != ENOENT)
    fail_refused(file, errno, "looking for it", "a place where a file can be made",
                 "check the path and its permissions");
  if (there && ::stat(file.c_str(), &status) == 0 && S_ISDIR(status.st_mode))
    fail(file, "a directory", "the name of a file");
  for (const fs::path& input : destination.inputs)
    if (there && same(file, input)) fail(file, "the file that is read", "another one", "choose another name");
  for (const std::string& run : destination.runs)
    if (!run.empty()) require_no_file_of(file, run);
  if (there && !destination.overwrite) fail(file, "a file that is there", "a name that is free", destination.remedy);
  if (destination.makes_directory) {
    require_place(directory_of(file), "choose another directory");
    std::error_code missing;
    if (!fs::is_directory(directory_of(file), missing)) return;
  }
  require_directory(file);
  const std::string name = fs::path(file).filename().string();
  remove_stale_temporaries(Directory(directory_of(file)), [&](const std::string& ours) { return ours == name; });
  const AtomicFile tried(file);  // whether one can be made: nothing comes of it
}

void require_two_files(const std::string& a, const std::string& b) {
  std::error_code error;
  if (!a.empty() && !b.empty() && fs::weakly_canonical(a, error) == fs::weakly_canonical(b, error))
    fail(b, "the same file twice", "two names", "each replaces what the other wrote");
}

}  // namespace ebb
