#include "framework/io/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <system_error>

#include "framework/io/fail_refused.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

// A directory that may be written to need not be readable: O_PATH asks for neither.
constexpr int open_directory = O_PATH | O_DIRECTORY | O_CLOEXEC;

bool same(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

bool leads_to(const fs::path& path, int descriptor) {
  struct stat open {
  }, there{};
  return ::fstat(descriptor, &open) == 0 && ::stat(path.c_str(), &there) == 0 && same(open, there);
}

}  // namespace

std::string kind_of_file(unsigned mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISLNK(mode)) return "a symbolic link";
  if (S_ISFIFO(mode)) return "a named pipe";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  return "a file";
}

void require_place(const fs::path& path, std::string_view remedy) {
  fs::path there = path.lexically_normal();
  struct stat status {};
  while (::stat(there.empty() ? "." : there.c_str(), &status) != 0) {
    if ((errno != ENOENT && errno != ENOTDIR) || there.empty() || there == there.parent_path())
      fail_refused(path.string(), errno, text("looking for ", there.string()), "a directory that can be written",
                   remedy);
    there = there.parent_path();
  }
  if (there.empty()) there = ".";
  if (!S_ISDIR(status.st_mode))
    fail(path.string(),
         text(there == path ? "" : text(there.string(), ", "), kind_of_file(status.st_mode), ", not a directory"),
         "a directory that can be written", remedy);
  if (::faccessat(AT_FDCWD, there.c_str(), W_OK | X_OK, AT_EACCESS) != 0)
    fail_refused(path.string(), errno, text("asking to write into ", there.string()), "a directory that can be written",
                 remedy);
}

void make_directories(const fs::path& path, std::string_view remedy) {
  std::error_code error;
  do fs::create_directories(path, error);
  while (error == std::errc::interrupted);
  if (error)
    fail(path.string(), text("a directory that cannot be made: ", error.message()), "a writable directory", remedy);
}

Directory::Directory(fs::path path)
    : path_(std::move(path)), descriptor_(retried([&] { return ::open(path_.c_str(), open_directory); })) {
  if (!descriptor_)
    fail_refused(path_.string(), errno, "opening the directory", "a directory", "check the path and its permissions");
}

Directory::Directory(const Directory& parent, const std::string& name)
    : path_(parent.path() / name),
      descriptor_(retried([&] { return ::openat(parent.descriptor(), name.c_str(), open_directory | O_NOFOLLOW); })) {
  if (descriptor_) return;
  const int error = errno;
  if (parent.entry(name) == Entry::link)
    fail(path_.string(), "a symbolic link", "a directory", "remove the link, or make the directory around it the link");
  fail_refused(path_.string(), error, "opening the directory", "a directory");
}

Directory::Entry Directory::entry(const std::string& name) const {
  struct stat status {};
  if (::fstatat(descriptor(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? Entry::nothing : Entry::other;
  if (S_ISREG(status.st_mode)) return Entry::file;
  if (S_ISDIR(status.st_mode)) return Entry::directory;
  return S_ISLNK(status.st_mode) ? Entry::link : Entry::other;
}

std::vector<std::string> Directory::entries() const {
  std::vector<std::string> names;
  const int readable = retried([&] { return ::openat(descriptor(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (readable < 0) return names;
  const std::unique_ptr<DIR, int (*)(DIR*)> list(::fdopendir(readable), ::closedir);
  if (list == nullptr) {
    ::close(readable);
    return names;
  }
  while (const dirent* const entry = ::readdir(list.get())) names.emplace_back(entry->d_name);
  std::erase_if(names, [](const std::string& name) { return name == "." || name == ".."; });
  std::ranges::sort(names);
  return names;
}

Descriptor Directory::open(const std::string& name, int flags) const {
  const auto opened = [&] {
    return ::openat(descriptor(), name.c_str(), flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
  };
  Descriptor file(retried(opened));
  const int error = errno;
  struct stat status {};
  const bool known = file ? ::fstat(file.get(), &status) == 0
                          : ::fstatat(descriptor(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  if (known && !S_ISREG(status.st_mode))
    fail((path_ / name).string(), text(kind_of_file(status.st_mode), ", not a regular file"), "a regular file",
         text("remove the ", S_ISLNK(status.st_mode) ? "link" : "other thing of this name"));
  if (!file)
    fail_refused((path_ / name).string(), error, "opening it", "a file that can be opened",
                 removed() ? "the directory was removed" : "check its permissions");
  return file;
}

void Directory::make(const std::string& name) const {
  if (retried([&] { return ::mkdirat(descriptor(), name.c_str(), 0777); }) != 0 && errno != EEXIST)
    fail((path_ / name).string(), refusal(errno, "making the directory"), "a writable directory around it",
         removed() ? "that one was removed" : "");
}

bool Directory::remove(const std::string& name) const {
  return retried([&] { return ::unlinkat(descriptor(), name.c_str(), 0); }) == 0 || errno == ENOENT;
}

bool Directory::in_place() const { return leads_to(path_, descriptor()); }

bool Directory::removed() const {
  struct stat status {};
  return ::fstat(descriptor(), &status) == 0 && status.st_nlink == 0;
}

std::optional<fs::path> Directory::now() const {
  if (in_place()) return path_;
  std::error_code error;
  const fs::path moved = fs::read_symlink(text("/proc/self/fd/", descriptor()), error);
  if (error || !leads_to(moved, descriptor())) return std::nullopt;
  return moved;
}

}  // namespace ebb
