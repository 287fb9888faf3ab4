#include "lab/runs/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "framework/tensor/error.h"
#include "lab/runs/run_files.h"

namespace ebb {

Descriptor lock_directory(const Directory& directory, const std::string& what) {
  const std::string file = (directory.path() / run_files::lock).string();
  Descriptor lock = directory.open(run_files::lock, O_RDWR | O_CREAT);
  // Whose it is stands in it for the message below alone: the lock itself ends with the process.
  std::array<char, 32> owner{};
  const ssize_t size = ::pread(lock.get(), owner.data(), owner.size() - 1, 0);
  if (!std::all_of(owner.begin(), owner.begin() + std::max<ssize_t>(0, size),
                   [](char c) { return c >= '0' && c <= '9'; }))
    fail(file, "a file of another program", text("the lock of ", what),
         "choose another directory, or remove that file");
  if (retried([&] { return ::flock(lock.get(), LOCK_EX | LOCK_NB); }) != 0) {
    if (errno == EWOULDBLOCK)
      fail(directory.path().string(), text(what, " that process ", size > 0 ? owner.data() : "?", " is using"),
           "one that nobody uses", "wait for it, end it, or choose another directory");
    fail(file, refusal(errno, "locking"), "a lock");
  }
  const std::string self = text(static_cast<long>(::getpid()));
  if (::ftruncate(lock.get(), 0) != 0 || ::pwrite(lock.get(), self.data(), self.size(), 0) < 0) return lock;
  return lock;
}

}  // namespace ebb
