/// \file
/// Files that are replaced as a whole or not at all.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace ebb {

/// A file being written. The bytes go to `<name>.tmp-<process id>` in the same directory, which commit() syncs to the
/// disk and renames to `name`: whoever opens `name`, after a crash too, finds the old contents or the new ones.
/// Without commit() the temporary file is removed and `name` stays as it was. A symbolic link is followed; the
/// permissions of an existing file are kept. While it is written the temporary file is locked (flock), by which
/// remove_stale_temporaries() tells it from a leftover.
class AtomicFile {
 public:
  /// Creates the temporary file.
  /// \throws Error naming file and cause when that fails, `path` is there and no regular file, or another writer of
  /// this process is writing it.
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends `bytes`.
  /// \throws Error naming file and cause (for example a full disk).
  void write(std::span<const std::byte> bytes);

  /// Makes the new contents visible. Once.
  /// \throws Error naming file and cause. The old contents are in place, except where the message says that the new
  /// file is in place but the directory could not be synced.
  void commit();

 private:
  void discard() noexcept;
  [[noreturn]] void fail_errno(int error, std::string_view action);

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
};

/// Replaces the contents of `path` by `bytes`; see AtomicFile.
/// \throws Error as AtomicFile does; the old contents then stay.
void write_file(const std::filesystem::path& path, std::span<const std::byte> bytes);

/// As above, for text.
void write_file(const std::filesystem::path& path, std::string_view contents);

/// Removes the files `*.tmp-<number>` of `directory` that nobody is writing: leftovers of processes that were killed.
/// For directories that belong to the caller, such as run directories. Returns how many were removed; those that
/// cannot be opened or locked stay.
int remove_stale_temporaries(const std::filesystem::path& directory);

}  // namespace ebb
