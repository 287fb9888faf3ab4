#include "framework/tensor/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>

#include "framework/tensor/error.h"
#include "framework/tensor/storage.h"

namespace ebb {
namespace {

using detail::Storage;

constexpr std::size_t head = sizeof(Storage);
constexpr int steps = 8;  // size classes per doubling: at most 1/8 of a block is unused
constexpr int classes = 48 * steps;
constexpr int reach = 3 * steps;  // a request takes a kept block of up to eight times its size
constexpr std::size_t smallest_mapping = std::size_t{128} << 10;
constexpr std::size_t huge = std::size_t{2} << 20;  // pages of this size spare most of the cost of first touch

#ifdef EBB_NO_POOL
constexpr bool keep_blocks = false;
#else
constexpr bool keep_blocks = true;
#endif

// Classes 0..7 are multiples of 64 bytes up to 512, then eight equal steps for each doubling.
int class_of(std::size_t bytes) {
  const std::size_t units = std::max<std::size_t>((bytes + 63) / 64, 1);
  if (units <= steps) return static_cast<int>(units) - 1;
  const int doubling = static_cast<int>(std::bit_width(units - 1) - std::bit_width(std::size_t{steps - 1}));
  const std::size_t step = std::size_t{1} << (doubling - 1);
  const std::size_t base = std::size_t{steps} << (doubling - 1);
  return doubling * steps + static_cast<int>((units - base + step - 1) / step) - 1;
}

std::size_t bytes_of(int size_class) {
  const int doubling = size_class / steps;
  const std::size_t part = static_cast<std::size_t>(size_class % steps) + 1;
  if (doubling == 0) return part * 64;
  return ((std::size_t{steps} << (doubling - 1)) + part * (std::size_t{1} << (doubling - 1))) * 64;
}

struct Pool {
  std::mutex mutex;
  std::array<Storage*, classes> kept{};
  memory::Stats stats;
  bool poison = false;
};

// Never destroyed: tensors with static lifetime may outlive everything else.
Pool& pool() {
  static Pool* const instance = new Pool;
  return *instance;
}

// A mapping of its own, which takes no more of the address space than it has bytes and goes back as a whole. Large ones
// begin at a huge page, unless the address space is too narrow for the way there.
void* map_pages(std::size_t total) {
  const auto map = [](std::size_t bytes) -> std::byte* {
    void* const at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? nullptr : static_cast<std::byte*>(at);
  };
  if (total < 2 * huge) return map(total);
  std::byte* begin = map(total + huge);
  if (begin != nullptr) {
    const std::size_t front = (huge - reinterpret_cast<std::uintptr_t>(begin) % huge) % huge;
    if (front > 0) munmap(begin, front);
    begin += front;
    munmap(begin + total, huge - front);
  } else {
    begin = map(total);
  }
  if (begin != nullptr) madvise(begin, total, MADV_HUGEPAGE);  // a hint: where it is refused everything still works
  return begin;
}

// How many bytes a block maps; 0 for small ones, which malloc serves.
std::size_t mapped_bytes(std::size_t capacity) {
  const std::size_t total = head + capacity;
  if (!keep_blocks || total < smallest_mapping) return 0;
  static const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return (total + page - 1) / page * page;
}

Storage* from_system(std::size_t capacity, int size_class) {
  const std::size_t mapped = mapped_bytes(capacity);
  void* raw = nullptr;
  if (mapped > 0) raw = map_pages(mapped);
  else if (posix_memalign(&raw, 64, head + capacity) != 0) raw = nullptr;
  if (raw == nullptr)
    fail("memory", text("no memory for ", capacity, " bytes"), "a smaller tensor", "use a smaller batch or model");
  Storage* const block = new (raw) Storage;
  block->capacity = capacity;
  block->size_class = size_class;
  return block;
}

void to_system(Storage* block) {
  const std::size_t mapped = mapped_bytes(block->capacity);
  block->~Storage();
  if (mapped > 0) munmap(block, mapped);
  else std::free(block);
}

}  // namespace

Storage* detail::acquire(std::size_t bytes) {
  const int wanted = class_of(bytes);
  if (wanted >= classes)
    fail("memory", text("a request of ", bytes, " bytes"), "at most 2^56 bytes", "use a smaller batch or model");
  Pool& p = pool();
  const std::scoped_lock lock(p.mutex);
  Storage* block = nullptr;
  if constexpr (keep_blocks) {
    const int last = std::min(wanted + reach, classes - 1);
    for (int c = wanted; c <= last && block == nullptr; ++c) {
      if (p.kept[static_cast<std::size_t>(c)] == nullptr) continue;
      block = p.kept[static_cast<std::size_t>(c)];
      p.kept[static_cast<std::size_t>(c)] = block->next;
      block->next = nullptr;
      block->version = 0;
      block->refs.store(1, std::memory_order_relaxed);
    }
  }
  if (block == nullptr) {
    // Without the pool a block is exactly as large as asked, so that a sanitizer sees every overrun.
    block = from_system(keep_blocks ? bytes_of(wanted) : bytes, wanted);
    ++p.stats.system_blocks;
    p.stats.system_bytes += block->capacity;
  }
  p.stats.live_bytes += block->capacity;
  p.stats.peak_bytes = std::max(p.stats.peak_bytes, p.stats.live_bytes);
  if (p.poison) std::memset(block->data(), 0xFF, bytes);
  return block;
}

void detail::release(Storage* block) noexcept {
  Pool& p = pool();
  const std::scoped_lock lock(p.mutex);
  p.stats.live_bytes -= block->capacity;
  if constexpr (keep_blocks) {
    auto& list = p.kept[static_cast<std::size_t>(block->size_class)];
    block->next = list;
    list = block;
  } else {
    p.stats.system_bytes -= block->capacity;
    to_system(block);
  }
}

memory::Stats memory::stats() {
  const std::scoped_lock lock(pool().mutex);
  return pool().stats;
}

void memory::reset_peak() {
  const std::scoped_lock lock(pool().mutex);
  pool().stats.peak_bytes = pool().stats.live_bytes;
}

void memory::release_kept() {
  Pool& p = pool();
  const std::scoped_lock lock(p.mutex);
  for (Storage*& list : p.kept) {
    while (list != nullptr) {
      Storage* const block = list;
      list = block->next;
      p.stats.system_bytes -= block->capacity;
      to_system(block);
    }
  }
}

bool memory::set_poison(bool on) {
  const std::scoped_lock lock(pool().mutex);
  return std::exchange(pool().poison, on);
}

bool memory::pooled() { return keep_blocks; }

}  // namespace ebb
