#include "tests/support/failing_calls.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdlib>

namespace {

using ebb::test::Failure;

struct Plan {
  bool on = false;
  int k = 0;
  Failure failure = Failure::error;
  int error = 0;
  int calls = 0;
  bool reached = false;
};

thread_local Plan plan;

// True when the call at hand is the chosen one.
bool chosen() {
  if (!plan.on) return false;
  ++plan.calls;
  if (plan.k != 0 && plan.calls != plan.k) return false;
  if (plan.failure == Failure::kill_before) ::kill(::getpid(), SIGKILL);
  return true;
}

template <class Call>
long guarded(const Call& call) {
  if (!chosen()) return call();
  if (plan.failure == Failure::error) {
    plan.reached = true;
    errno = plan.error;
    return -1;
  }
  const long result = call();
  if (plan.failure == Failure::kill_after) ::kill(::getpid(), SIGKILL);
  return result;
}

template <class Call>
long guarded_transfer(std::size_t size, const Call& call) {
  if (plan.on && plan.failure == Failure::half && chosen() && size > 1) {
    plan.reached = true;
    return call(size / 2);
  }
  if (plan.on && plan.failure == Failure::half) return call(size);
  return guarded([&] { return call(size); });
}

}  // namespace

extern "C" {

int openat(int directory, const char* path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0) {
    va_list rest;
    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
  }
  return static_cast<int>(guarded([&] { return ::syscall(SYS_openat, directory, path, flags, mode); }));
}

int open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0) {
    va_list rest;
    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
  }
  return ::openat(AT_FDCWD, path, flags, mode);
}

ssize_t read(int file, void* data, std::size_t size) {
  return guarded_transfer(size, [&](std::size_t n) { return ::syscall(SYS_read, file, data, n); });
}

ssize_t write(int file, const void* data, std::size_t size) {
  return guarded_transfer(size, [&](std::size_t n) { return ::syscall(SYS_write, file, data, n); });
}

int fsync(int file) {
  return static_cast<int>(guarded([&] { return ::syscall(SYS_fsync, file); }));
}

// A failing close has closed the file all the same, as on Linux.
int close(int file) {
  const bool failing = plan.on && plan.failure == Failure::error;
  const long result = failing ? ::syscall(SYS_close, file) : 0;
  return static_cast<int>(guarded([&] { return failing ? result : ::syscall(SYS_close, file); }));
}

int renameat(int from_directory, const char* from, int to_directory, const char* to) noexcept {
  return static_cast<int>(guarded([&] { return ::syscall(SYS_renameat2, from_directory, from, to_directory, to, 0); }));
}

int rename(const char* from, const char* to) noexcept { return ::renameat(AT_FDCWD, from, AT_FDCWD, to); }

}  // extern "C"

namespace ebb::test {

FailingCall::FailingCall(int k, Failure failure, int error) { plan = {true, k, failure, error, 0, false}; }
FailingCall::~FailingCall() { plan.on = false; }
int FailingCall::calls() const { return plan.calls; }
bool FailingCall::reached() const { return plan.reached; }

}  // namespace ebb::test
