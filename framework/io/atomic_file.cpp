#include "framework/io/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

constexpr mode_t any_mode = 07777;

template <class Call>
int retried(const Call& call) {
  int result = 0;
  do result = call();
  while (result < 0 && errno == EINTR);
  return result;
}

// True when `path` names the file that `descriptor` has open.
bool names(const fs::path& path, int descriptor) {
  struct stat open {};
  struct stat there {};
  return ::fstat(descriptor, &open) == 0 && ::lstat(path.c_str(), &there) == 0 && open.st_ino == there.st_ino &&
         open.st_dev == there.st_dev;
}

// Removes a temporary file whose writer has gone: nobody holds its lock.
bool remove_if_unlocked(const fs::path& path) {
  const int descriptor = retried([&] { return ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK); });
  if (descriptor < 0) return false;
  const bool removed = retried([&] { return ::flock(descriptor, LOCK_EX | LOCK_NB); }) == 0 &&
                       names(path, descriptor) && ::unlink(path.c_str()) == 0;
  ::close(descriptor);
  return removed;
}

// The file that is meant: links are followed, since rename(2) would replace the link itself.
fs::path target_of(const fs::path& path) {
  std::error_code error;
  if (!fs::is_symlink(path, error)) return path;
  const fs::path target = fs::weakly_canonical(path, error);
  if (error) fail(path.string(), text("\"", error.message(), "\" on following the link"), "a link to a file");
  return target;
}

}  // namespace

AtomicFile::AtomicFile(fs::path path) : path_(target_of(path)) {
  struct stat old {};
  const bool replaces = ::stat(path_.c_str(), &old) == 0;
  if (replaces && !S_ISREG(old.st_mode))
    fail(path_.string(), "something that is not a regular file", "a file name", "choose another name to write to");
  temporary_ = path_;
  temporary_ += text(".tmp-", static_cast<long>(::getpid()));
  // A cleaner may take the file for a leftover between its creation and its lock: then once more.
  for (int attempt = 0; attempt < 100; ++attempt) {
    descriptor_ = retried([&] { return ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666); });
    if (descriptor_ < 0) {
      const int error = errno;
      // Process ids come again, in containers soon: a leftover must not block its successor.
      if (error == EEXIST && remove_if_unlocked(temporary_)) continue;
      if (error == EEXIST)
        fail(path_.string(), text("the temporary file ", temporary_.string(), " of another writer"), "one writer",
             "wait for it, or remove that file when nobody writes it");
      fail_errno(error, text("creating ", temporary_.string()));
    }
    // Where the file system has no locks, writing goes on without.
    retried([&] { return ::flock(descriptor_, LOCK_EX); });
    if (names(temporary_, descriptor_)) {
      if (replaces && ::fchmod(descriptor_, old.st_mode & any_mode) != 0) fail_errno(errno, "setting its permissions");
      return;
    }
    ::close(std::exchange(descriptor_, -1));
  }
  fail(path_.string(), text("temporary files ", temporary_.string(), " that vanish"), "a directory of one's own");
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() noexcept {
  if (descriptor_ < 0) return;
  if (names(temporary_, descriptor_)) ::unlink(temporary_.c_str());
  ::close(std::exchange(descriptor_, -1));
}

void AtomicFile::fail_errno(int error, std::string_view action) {
  discard();
  fail(path_.string(), text("\"", std::generic_category().message(error), "\" on ", action), "a complete file",
       error == ENOSPC || error == EDQUOT || error == EFBIG ? "make room, or write elsewhere; the old file is unchanged"
                                                            : "the old file is unchanged");
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  if (descriptor_ < 0)
    fail(path_.string(), "bytes for a file that was committed or given up", "one commit, at the end");
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) fail_errno(count < 0 ? errno : EIO, "writing");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void AtomicFile::commit() {
  if (descriptor_ < 0) fail(path_.string(), "a commit of a file that was committed or given up", "one commit");
  if (retried([&] { return ::fsync(descriptor_); }) != 0) fail_errno(errno, "syncing");
  if (!names(temporary_, descriptor_)) fail_errno(ENOENT, text("looking for ", temporary_.string()));
  // The descriptor and with it the lock stay until after the rename; a duplicate is closed before it to learn of
  // errors that some file systems report only there.
  const int duplicate = ::fcntl(descriptor_, F_DUPFD_CLOEXEC, 0);
  if (duplicate < 0) fail_errno(errno, "duplicating its descriptor");
  if (::close(duplicate) != 0 && errno != EINTR) fail_errno(errno, "closing");
  if (retried([&] { return ::rename(temporary_.c_str(), path_.c_str()); }) != 0)
    fail_errno(errno, text("renaming ", temporary_.string()));
  ::close(std::exchange(descriptor_, -1));

  const fs::path directory = path_.has_parent_path() ? path_.parent_path() : fs::path(".");
  const int parent = retried([&] { return ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  int error = parent < 0 ? errno : 0;
  if (parent >= 0) {
    if (retried([&] { return ::fsync(parent); }) != 0) error = errno;
    ::close(parent);
  }
  // Some file systems cannot sync a directory, and a directory one may write to need not be readable.
  if (error != 0 && error != EINVAL && error != ENOTSUP && error != EACCES)
    fail(path_.string(), text("\"", std::generic_category().message(error), "\" on syncing its directory"),
         "a durable file", "the new file is in place, but might be lost if the machine stops now");
}

void write_file(const fs::path& path, std::span<const std::byte> bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

void write_file(const fs::path& path, std::string_view contents) {
  write_file(path, std::as_bytes(std::span(contents.data(), contents.size())));
}

int remove_stale_temporaries(const fs::path& directory) {
  int removed = 0;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const std::size_t mark = name.rfind(".tmp-");
    if (mark == std::string::npos || mark + 5 == name.size()) continue;
    if (!std::all_of(name.begin() + static_cast<std::ptrdiff_t>(mark) + 5, name.end(),
                     [](char c) { return c >= '0' && c <= '9'; }))
      continue;
    if (entry->is_regular_file(error) && remove_if_unlocked(entry->path())) ++removed;
    error.clear();
  }
  return removed;
}

}  // namespace ebb
