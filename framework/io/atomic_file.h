/// \file
/// Files that are replaced as a whole or not at all.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "framework/io/directory.h"
#include "framework/io/own_temporaries.h"

namespace ebb {

/// What becomes of a file that has the name already.
enum class Existing : bool {
  refuse,   ///< It stays, also where it comes while the new one is written: an error.
  replace,  ///< It is replaced as a whole.
};

/// Whether a file outlives a sudden end of the machine. A sudden end of the process does no harm either way.
enum class Sync : bool {
  no,   ///< The system writes it when it likes: for many small files that can be made again, and tell damage.
  yes,  ///< It is on the disk before its name is.
};

/// A file being written. The bytes go to `<name>.tmp-<process id>` in the same directory, which commit() syncs to the
/// disk and renames to `name`: whoever opens `name`, after a crash too, finds the old contents or the new ones.
/// Without commit() the temporary file is removed and `name` stays as it was. The permissions of an existing file are
/// kept. The directory is held: should it be moved meanwhile, the file is where it is. While it is written the
/// temporary file is locked (flock), by which remove_stale_temporaries() tells it from a leftover.
class AtomicFile {
 public:
  /// Creates the temporary file. A symbolic link is followed: what it points to is replaced. With Existing::refuse a
  /// link is a file that is there.
  /// \throws Error naming file and cause when that fails, `path` is there and no regular file or not to be replaced, or
  /// another writer of this process is writing it.
  explicit AtomicFile(std::filesystem::path path, Existing existing = Existing::replace);

  /// As above, for the file `name` of `directory`, where a symbolic link is refused.
  AtomicFile(const Directory& directory, const std::string& name);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends `bytes`.
  /// \throws Error naming file and cause (for example a full disk).
  void write(std::span<const std::byte> bytes);

  /// Makes the new contents visible. Once.
  /// \throws Error naming file and cause. The old contents are in place, except where the message says that the new
  /// file is in place but the directory could not be synced.
  void commit(Sync sync = Sync::yes);

 private:
  void create();
  int rename() const;
  void discard() noexcept;
  [[noreturn]] void fail_errno(int error, std::string_view action);

  std::filesystem::path path_;  // for messages
  std::string name_;            // in the directory
  std::string temporary_;       // likewise
  Existing existing_ = Existing::replace;
  Descriptor directory_;
  Descriptor file_;
  detail::ListedTemporary listed_;
};

/// Replaces the contents of `path` by `bytes`; see AtomicFile.
/// \throws Error as AtomicFile does; the old contents then stay.
void write_file(const std::filesystem::path& path, std::span<const std::byte> bytes,
                Existing existing = Existing::replace);

/// As above, for text.
void write_file(const std::filesystem::path& path, std::string_view contents, Existing existing = Existing::replace);

/// As above, for the file `name` of `directory`, where a symbolic link is refused.
void write_file(const Directory& directory, const std::string& name, std::string_view contents, Sync sync = Sync::yes);

/// Removes the files `NAME.tmp-<number>` of `directory` that nobody is writing: leftovers of processes that were
/// killed. \param ours says whether files of this NAME belong to the caller: those of others stay. \returns how many
/// were removed; those that cannot be opened or locked stay.
int remove_stale_temporaries(const Directory& directory, const std::function<bool(const std::string& name)>& ours);

/// Removes the temporary files of this process, for a handler of a signal that ends it: it may be called in one. What
/// is being written is given up.
void remove_own_temporaries() noexcept;

}  // namespace ebb
