// A library to be preloaded into a program: makes a request for memory fail.
//   EBB_NO_MEMORY_FROM   a file; requests are counted once it exists
//   EBB_NO_MEMORY_CALL   number of the malloc, posix_memalign or mmap that fails, from 1
//   EBB_NO_MEMORY_ALL    set: all from that one on fail
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

static bool fails() {
  static const char* const from = std::getenv("EBB_NO_MEMORY_FROM");
  static const char* const call = std::getenv("EBB_NO_MEMORY_CALL");
  static const int chosen = call == nullptr ? 0 : std::atoi(call);
  static const bool all = std::getenv("EBB_NO_MEMORY_ALL") != nullptr;
  static std::atomic<bool> begun{false};
  static std::atomic<int> calls{0};
  if (from == nullptr || chosen == 0) return false;
  const int before = errno;
  if (!begun && access(from, F_OK) == 0) begun = true;
  errno = before;
  if (!begun) return false;
  const int number = ++calls;
  return number == chosen || (all && number > chosen);
}

void* malloc(std::size_t size) {
  if (!fails()) return __libc_malloc(size);
  errno = ENOMEM;
  return nullptr;
}

int posix_memalign(void** to, std::size_t alignment, std::size_t size) {
  void* const memory = fails() ? nullptr : __libc_memalign(alignment, size);
  if (memory == nullptr) return ENOMEM;
  *to = memory;
  return 0;
}

void* mmap(void* at, std::size_t size, int protection, int flags, int file, off_t offset) noexcept {
  if ((flags & MAP_ANONYMOUS) != 0 && fails()) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  return reinterpret_cast<void*>(syscall(SYS_mmap, at, size, protection, flags, file, offset));
}

}  // extern "C"
