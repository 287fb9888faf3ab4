#include "framework/io/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

constexpr mode_t any_mode = 07777;

// True when `name` in `directory` names the file that `file` has open.
bool still_names(const Descriptor& directory, const std::string& name, const Descriptor& file) {
  struct stat open {
  }, there{};
  return ::fstat(file.get(), &open) == 0 &&
         ::fstatat(directory.get(), name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 && open.st_ino == there.st_ino &&
         open.st_dev == there.st_dev;
}

// Removes a temporary file whose writer has gone: nobody holds its lock.
bool remove_if_unlocked(const Descriptor& directory, const std::string& name) {
  const Descriptor file(
      retried([&] { return ::openat(directory.get(), name.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK); }));
  return file && retried([&] { return ::flock(file.get(), LOCK_EX | LOCK_NB); }) == 0 &&
         still_names(directory, name, file) && ::unlinkat(directory.get(), name.c_str(), 0) == 0;
}

// The file that is meant: links are followed, since rename(2) would replace the link itself.
fs::path target_of(const fs::path& path) {
  std::error_code error;
  if (!fs::is_symlink(path, error)) return path;
  const fs::path target = fs::weakly_canonical(path, error);
  if (error) fail(path.string(), text("\"", error.message(), "\" on following the link"), "a link to a file");
  return target;
}

[[noreturn]] void refuse(const fs::path& path, unsigned mode) {
  fail(path.string(), text(kind_of_file(mode), " that is there"), "a name that is free",
       "choose another name, or replace what is there");
}

}  // namespace

AtomicFile::AtomicFile(fs::path path, Existing existing)
    : path_(existing == Existing::replace ? target_of(path) : std::move(path)),
      name_(path_.filename().string()),
      existing_(existing) {
  const fs::path parent = path_.has_parent_path() ? path_.parent_path() : fs::path(".");
  directory_ = Descriptor(retried([&] { return ::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); }));
  create();
}

AtomicFile::AtomicFile(const Directory& directory, const std::string& name)
    : path_(directory.path() / name), name_(name), directory_(::fcntl(directory.descriptor(), F_DUPFD_CLOEXEC, 0)) {
  create();
}

void AtomicFile::create() {
  temporary_ = text(name_, ".tmp-", static_cast<long>(::getpid()));
  if (!directory_) fail_errno(errno, text("creating ", temporary_));
  struct stat old {};
  const bool replaces = ::fstatat(directory_.get(), name_.c_str(), &old, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) == 0;
  if (replaces && existing_ == Existing::refuse) refuse(path_, old.st_mode);
  if (replaces && !S_ISREG(old.st_mode))
    fail(path_.string(), text(kind_of_file(old.st_mode), ", not a regular file"), "a file name",
         S_ISLNK(old.st_mode) ? "remove the link" : "choose another name to write to");
  // A cleaner may take the file for a leftover between its creation and its lock: then once more.
  for (int attempt = 0; attempt < 100; ++attempt) {
    listed_ = detail::ListedTemporary(directory_.get(), temporary_);
    file_ = Descriptor(retried(
        [&] { return ::openat(directory_.get(), temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666); }));
    if (!file_) {
      const int error = errno;
      // Process ids come again, in containers soon: a leftover must not block its successor.
      if (error == EEXIST && remove_if_unlocked(directory_, temporary_)) continue;
      if (error == EEXIST)
        fail(path_.string(), text("the temporary file ", temporary_, " of another writer"), "one writer",
             "wait for it, or remove that file when nobody writes it");
      fail_errno(error, text("creating ", temporary_));
    }
    listed_.made(file_.get());
    // Where the file system has no locks, writing goes on without.
    retried([&] { return ::flock(file_.get(), LOCK_EX); });
    if (still_names(directory_, temporary_, file_)) {
      if (replaces && ::fchmod(file_.get(), old.st_mode & any_mode) != 0) fail_errno(errno, "setting its permissions");
      return;
    }
    file_.reset();
  }
  fail(path_.string(), text("temporary files ", temporary_, " that vanish"), "a directory of one's own");
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() noexcept {
  if (!file_) return;
  if (still_names(directory_, temporary_, file_)) ::unlinkat(directory_.get(), temporary_.c_str(), 0);
  listed_ = {};
  file_.reset();
}

// Of two writers that both found the name free, the second finds it taken.
int AtomicFile::rename() const {
  const int directory = directory_.get();
  const char *const from = temporary_.c_str(), *const to = name_.c_str();
  if (existing_ == Existing::replace) return ::renameat(directory, from, directory, to);
  if (::renameat2(directory, from, directory, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -1;  // the file system can
  if (::linkat(directory, from, directory, to, 0) != 0) return -1;
  retried([&] { return ::unlinkat(directory, from, 0); });  // the file is in place: a name too many is no failure
  return 0;
}

void AtomicFile::fail_errno(int error, std::string_view action) {
  discard();
  struct stat directory {};
  const bool removed = ::fstat(directory_.get(), &directory) == 0 && directory.st_nlink == 0;
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  fail(path_.string(), refusal(error, action), "a complete file",
       removed ? "its directory was removed"
       : full  ? "make room, or write elsewhere; the old file is unchanged"
               : "the old file is unchanged");
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  if (!file_) fail(path_.string(), "bytes for a file that was committed or given up", "one commit, at the end");
  while (!bytes.empty()) {
    const ssize_t count = ::write(file_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) fail_errno(count < 0 ? errno : EIO, "writing");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void AtomicFile::commit(Sync sync) {
  if (!file_) fail(path_.string(), "a commit of a file that was committed or given up", "one commit");
  if (sync == Sync::yes && retried([&] { return ::fsync(file_.get()); }) != 0) fail_errno(errno, "syncing");
  if (!still_names(directory_, temporary_, file_)) fail_errno(ENOENT, text("looking for ", temporary_));
  // The descriptor and with it the lock stay until after the rename; a duplicate is closed before it to learn of
  // errors that some file systems report only there.
  const int duplicate = ::fcntl(file_.get(), F_DUPFD_CLOEXEC, 0);
  if (duplicate < 0) fail_errno(errno, "duplicating its descriptor");
  if (::close(duplicate) != 0 && errno != EINTR) fail_errno(errno, "closing");
  if (retried([&] { return rename(); }) != 0) {
    const int error = errno;
    if (error != EEXIST || existing_ == Existing::replace) fail_errno(error, text("renaming ", temporary_));
    discard();
    refuse(path_, S_IFREG);
  }
  listed_ = {};
  file_.reset();
  if (sync == Sync::no) return;

  const auto open_to_sync = [&] { return ::openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); };
  const Descriptor directory(retried(open_to_sync));
  int error = directory ? 0 : errno;
  if (directory && retried([&] { return ::fsync(directory.get()); }) != 0) error = errno;
  // Some file systems cannot sync a directory, and a directory one may write to need not be readable.
  if (error != 0 && error != EINVAL && error != ENOTSUP && error != EACCES)
    fail(path_.string(), refusal(error, "syncing its directory"), "a durable file",
         "the new file is in place, but might be lost if the machine stops now");
}

void write_file(const fs::path& path, std::span<const std::byte> bytes, Existing existing) {
  AtomicFile file(path, existing);
  file.write(bytes);
  file.commit();
}

void write_file(const fs::path& path, std::string_view contents, Existing existing) {
  write_file(path, std::as_bytes(std::span(contents.data(), contents.size())), existing);
}

void write_file(const Directory& directory, const std::string& name, std::string_view contents, Sync sync) {
  AtomicFile file(directory, name);
  file.write(std::as_bytes(std::span(contents.data(), contents.size())));
  file.commit(sync);
}

int remove_stale_temporaries(const Directory& directory, const std::function<bool(const std::string& name)>& ours) {
  const Descriptor held(::fcntl(directory.descriptor(), F_DUPFD_CLOEXEC, 0));
  int removed = 0;
  for (const std::string& name : directory.entries()) {
    const std::size_t mark = name.rfind(".tmp-");
    if (mark == std::string::npos || mark + 5 == name.size()) continue;
    const bool numbered = std::all_of(name.begin() + static_cast<std::ptrdiff_t>(mark) + 5, name.end(),
                                      [](char c) { return c >= '0' && c <= '9'; });
    if (!numbered || !ours(name.substr(0, mark)) || directory.entry(name) != Directory::Entry::file) continue;
    if (remove_if_unlocked(held, name)) ++removed;
  }
  return removed;
}

}  // namespace ebb
