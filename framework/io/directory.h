/// \file
/// A directory that is held open, so that its files stay its files wherever it goes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "framework/io/descriptor.h"

namespace ebb {

/// A directory by its descriptor. Names in it (one component each) mean this very directory, also after it was moved or
/// removed, and never another one that stands under its path meanwhile. Nothing here follows a symbolic link that is in
/// the directory.
class Directory {
 public:
  /// Opens `path`; links on the way to it are followed.
  /// \throws Error naming path and cause.
  explicit Directory(std::filesystem::path path);

  /// Opens the directory `name` of `parent`.
  /// \throws Error naming path and cause, for example when the name is a symbolic link.
  Directory(const Directory& parent, const std::string& name);

  /// What has a name.
  enum class Entry : std::uint8_t { nothing, file, directory, link, other };

  Entry entry(const std::string& name) const;  ///< What `name` is; what cannot be examined is `other`.
  std::vector<std::string> entries() const;    ///< All names, sorted; those that could be read.

  /// Opens the regular file `name` as open(2) does with `flags`; O_CREAT makes it readable and writable for those whom
  /// the umask admits. Does not wait for the other end of a named pipe.
  /// \throws Error naming the file and the cause: a link, something that is no regular file, a refusal of the system.
  Descriptor open(const std::string& name, int flags) const;

  /// Makes the directory `name` when nothing has this name.
  /// \throws Error naming path and cause.
  void make(const std::string& name) const;

  /// Removes the file or the link `name`, not what the link points to.
  /// \returns whether nothing has this name afterwards.
  bool remove(const std::string& name) const;

  /// True when `path()` names it still.
  bool in_place() const;

  /// True when it was removed: nothing can be put into it any more.
  bool removed() const;

  /// Its path at this moment: path() while that holds, else where it was moved to, as far as the system tells.
  std::optional<std::filesystem::path> now() const;

  const std::filesystem::path& path() const { return path_; }  ///< As it was opened.
  int descriptor() const { return descriptor_.get(); }         ///< For openat(2) and its like.

 private:
  std::filesystem::path path_;
  Descriptor descriptor_;
};

/// Asks whether files could be put into the directory `path`, which is made where it is not there; makes nothing
/// itself. \param remedy see fail(). \throws Error naming path and cause: something else has the name, or it may not be
/// written.
void require_place(const std::filesystem::path& path, std::string_view remedy);

/// Makes the directory `path` and those above it, as far as they are missing. \param remedy see fail().
/// \throws Error naming path and cause.
void make_directories(const std::filesystem::path& path, std::string_view remedy = {});

/// What a file is that is no regular file, for messages: "a directory", "a named pipe". \param mode st_mode of stat(2).
std::string kind_of_file(unsigned mode);

}  // namespace ebb
