// A library to be preloaded into a program: makes one write-side system call on files below a directory fail.
//   EBB_FAIL_BELOW   the directory; calls on other files pass untouched and uncounted
//   EBB_FAIL_CALL    number of the call that fails, from 1; 0: none
//   EBB_FAIL_HOW     a number of errno, or "short": a write moves half of its bytes; "kill": SIGKILL before the call
//   EBB_FAIL_ALL     set: all calls from that one on fail
//   EBB_FAIL_OLD     set: renameat2 does not know its flags, as on file systems without RENAME_NOREPLACE
//   EBB_FAIL_COUNT   a file that receives the number of calls made when the program ends
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

constexpr int most_files = 1024;
std::array<std::atomic<bool>, most_files> watched;  // descriptors of files below the directory, open for writing
std::atomic<int> calls{0};

const char* setting(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool below(const char* path) {
  static const std::string_view root = setting("EBB_FAIL_BELOW");
  return !root.empty() && path != nullptr && std::string_view(path).starts_with(root);
}

// The path of an open directory, or of nothing.
struct PathOf {
  explicit PathOf(int file) {
    char link[32];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    if (::readlink(link, path, sizeof path - 1) < 0) path[0] = 0;
  }
  char path[PATH_MAX] = {};
};

bool below(int directory, const char* path) {
  return path[0] == '/' || directory == AT_FDCWD ? below(path) : below(PathOf(directory).path);
}

enum class Fate { pass, fail, halve };

// Counts a call, and says what becomes of it.
Fate count(bool moves_bytes) {
  static const int chosen = std::atoi(setting("EBB_FAIL_CALL"));
  static const std::string_view how = setting("EBB_FAIL_HOW");
  static const bool all = std::getenv("EBB_FAIL_ALL") != nullptr;
  const int number = ++calls;
  if (chosen == 0 || number < chosen || (number > chosen && !all)) return Fate::pass;
  if (how == "kill") ::kill(::getpid(), SIGKILL);
  if (how == "short") return moves_bytes ? Fate::halve : Fate::pass;
  errno = std::atoi(how.data());
  return Fate::fail;
}

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

bool is_watched(int file) { return file >= 0 && file < most_files && watched[static_cast<std::size_t>(file)]; }

int opened(int file, bool watch) {
  if (file >= 0 && file < most_files) watched[static_cast<std::size_t>(file)] = watch;
  return file;
}

struct AtExit {
  ~AtExit() {
    const char* const path = setting("EBB_FAIL_COUNT");
    if (*path == 0) return;
    char line[16];
    const int length = std::snprintf(line, sizeof line, "%d\n", calls.load());
    const int file = next<int (*)(const char*, int, ...)>("open")(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0) return;
    if (next<ssize_t (*)(int, const void*, std::size_t)>("write")(file, line, static_cast<std::size_t>(length)) < 0) {
    }
    next<int (*)(int)>("close")(file);
  }
} at_exit;

int openat_as(const char* name, int directory, const char* path, int flags, mode_t mode) {
  const bool watch = (flags & O_ACCMODE) != O_RDONLY && below(directory, path);
  if (watch && count(false) == Fate::fail) return -1;
  return opened(next<int (*)(int, const char*, int, ...)>(name)(directory, path, flags, mode), watch);
}

int open_as(const char* name, const char* path, int flags, mode_t mode) {
  const bool watch = (flags & O_ACCMODE) != O_RDONLY && below(path);
  if (watch && count(false) == Fate::fail) return -1;
  return opened(next<int (*)(const char*, int, ...)>(name)(path, flags, mode), watch);
}

template <class Call>
ssize_t moved(int file, std::size_t size, const Call& call) {
  if (!is_watched(file)) return call(size);
  const Fate fate = count(size > 1);
  return fate == Fate::fail ? -1 : call(fate == Fate::halve ? size / 2 : size);
}

template <class Call>
int guarded(bool watch, const Call& call) {
  return watch && count(false) == Fate::fail ? -1 : call();
}

}  // namespace

#define MODE_OF(flags)                          \
  mode_t mode = 0;                              \
  if (((flags) & (O_CREAT | O_TMPFILE)) != 0) { \
    va_list rest;                               \
    va_start(rest, flags);                      \
    mode = va_arg(rest, mode_t);                \
    va_end(rest);                               \
  }

extern "C" {

int open(const char* path, int flags, ...) {
  MODE_OF(flags)
  return open_as("open", path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  MODE_OF(flags)
  return open_as("open64", path, flags, mode);
}

int openat(int directory, const char* path, int flags, ...) {
  MODE_OF(flags)
  return openat_as("openat", directory, path, flags, mode);
}

int openat64(int directory, const char* path, int flags, ...) {
  MODE_OF(flags)
  return openat_as("openat64", directory, path, flags, mode);
}

ssize_t write(int file, const void* data, std::size_t size) {
  return moved(file, size,
               [&](std::size_t n) { return next<ssize_t (*)(int, const void*, std::size_t)>("write")(file, data, n); });
}

ssize_t pwrite(int file, const void* data, std::size_t size, off_t at) {
  return moved(file, size, [&](std::size_t n) {
    return next<ssize_t (*)(int, const void*, std::size_t, off_t)>("pwrite")(file, data, n, at);
  });
}

ssize_t writev(int file, const iovec* parts, int count) {
  // Half of the bytes is less than all of them: a part or none.
  if (!is_watched(file)) return next<ssize_t (*)(int, const iovec*, int)>("writev")(file, parts, count);
  return moved(file, static_cast<std::size_t>(count), [&](std::size_t n) {
    return next<ssize_t (*)(int, const iovec*, int)>("writev")(file, parts, static_cast<int>(n));
  });
}

int fsync(int file) {
  // Directories are opened for reading and synced too.
  return guarded(below(PathOf(file).path), [&] { return next<int (*)(int)>("fsync")(file); });
}

int fdatasync(int file) {
  return guarded(below(PathOf(file).path), [&] { return next<int (*)(int)>("fdatasync")(file); });
}

int ftruncate(int file, off_t size) noexcept {
  return guarded(is_watched(file), [&] { return next<int (*)(int, off_t)>("ftruncate")(file, size); });
}

int close(int file) {
  const bool watch = is_watched(file);
  opened(file, false);
  const int result = next<int (*)(int)>("close")(file);
  // A close that fails has closed the file all the same.
  return guarded(watch, [&] { return result; });
}

int rename(const char* from, const char* to) noexcept {
  return guarded(below(to), [&] { return next<int (*)(const char*, const char*)>("rename")(from, to); });
}

int renameat(int from_directory, const char* from, int to_directory, const char* to) noexcept {
  return guarded(below(to_directory, to), [&] {
    return next<int (*)(int, const char*, int, const char*)>("renameat")(from_directory, from, to_directory, to);
  });
}

int renameat2(int from_directory, const char* from, int to_directory, const char* to, unsigned flags) noexcept {
  static const bool old = std::getenv("EBB_FAIL_OLD") != nullptr;
  if (old && flags != 0 && below(to_directory, to)) {
    errno = EINVAL;
    return -1;
  }
  return guarded(below(to_directory, to), [&] {
    return next<int (*)(int, const char*, int, const char*, unsigned)>("renameat2")(from_directory, from, to_directory,
                                                                                    to, flags);
  });
}

int link(const char* from, const char* to) noexcept {
  return guarded(below(to), [&] { return next<int (*)(const char*, const char*)>("link")(from, to); });
}

int linkat(int from_directory, const char* from, int to_directory, const char* to, int flags) noexcept {
  return guarded(below(to_directory, to), [&] {
    return next<int (*)(int, const char*, int, const char*, int)>("linkat")(from_directory, from, to_directory, to,
                                                                            flags);
  });
}

int symlink(const char* target, const char* path) noexcept {
  return guarded(below(path), [&] { return next<int (*)(const char*, const char*)>("symlink")(target, path); });
}

int symlinkat(const char* target, int directory, const char* path) noexcept {
  return guarded(below(directory, path),
                 [&] { return next<int (*)(const char*, int, const char*)>("symlinkat")(target, directory, path); });
}

int fchmod(int file, mode_t mode) noexcept {
  return guarded(is_watched(file), [&] { return next<int (*)(int, mode_t)>("fchmod")(file, mode); });
}

int flock(int file, int operation) noexcept {
  return guarded(is_watched(file), [&] { return next<int (*)(int, int)>("flock")(file, operation); });
}

int mkdirat(int directory, const char* path, mode_t mode) noexcept {
  return guarded(below(directory, path),
                 [&] { return next<int (*)(int, const char*, mode_t)>("mkdirat")(directory, path, mode); });
}

int unlinkat(int directory, const char* path, int flags) noexcept {
  return guarded(below(directory, path),
                 [&] { return next<int (*)(int, const char*, int)>("unlinkat")(directory, path, flags); });
}

int mkdir(const char* path, mode_t mode) noexcept {
  return guarded(below(path), [&] { return next<int (*)(const char*, mode_t)>("mkdir")(path, mode); });
}

int unlink(const char* path) noexcept {
  return guarded(below(path), [&] { return next<int (*)(const char*)>("unlink")(path); });
}

}  // extern "C"
