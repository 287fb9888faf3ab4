// A library to be preloaded into a program: pages of 64 KiB, as machines with ARM64 may have. A program that gives back
// or advises other memory than whole pages ends with a message, and so does one that never gives back any.
#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>

namespace {

constexpr std::size_t page = std::size_t{64} << 10;
std::atomic<int> given_back{0};

std::size_t past_page(const void* at) { return reinterpret_cast<std::uintptr_t>(at) % page; }

void check(const char* call, const void* at, std::size_t size) {
  if (past_page(at) == 0 && size % page == 0) return;
  std::fprintf(stderr, "[large_pages] %s got %zu bytes that begin %zu behind a page; wanted whole pages of %zu bytes\n",
               call, size, past_page(at), page);
  _exit(1);  // the caller holds locks
}

struct AtExit {
  ~AtExit() {
    if (given_back > 0) return;
    std::fputs("[large_pages] the program gave no memory back; wanted one that does\n", stderr);
    _exit(1);
  }
} at_exit;

}  // namespace

extern "C" {

long sysconf(int name) noexcept {
  static const auto real = reinterpret_cast<long (*)(int)>(dlsym(RTLD_NEXT, "sysconf"));
  return name == _SC_PAGESIZE ? static_cast<long>(page) : real(name);
}

void* mmap(void* at, std::size_t size, int protection, int flags, int file, off_t offset) noexcept {
  const auto map = [&](std::size_t bytes) {
    return reinterpret_cast<char*>(syscall(SYS_mmap, at, bytes, protection, flags, file, offset));
  };
  if ((flags & MAP_ANONYMOUS) == 0 || at != nullptr) return map(size);
  const std::size_t whole = (size + page - 1) / page * page;
  char* const memory = map(whole + page);
  if (memory == MAP_FAILED) return memory;
  const std::size_t front = (page - past_page(memory)) % page;
  if (front > 0) syscall(SYS_munmap, memory, front);
  syscall(SYS_munmap, memory + front + whole, page - front);
  return memory + front;
}

int munmap(void* at, std::size_t size) noexcept {
  check("munmap", at, size);
  ++given_back;
  return static_cast<int>(syscall(SYS_munmap, at, size));
}

int madvise(void* at, std::size_t size, int advice) noexcept {
  check("madvise", at, size);
  return static_cast<int>(syscall(SYS_madvise, at, size, advice));
}

}  // extern "C"
