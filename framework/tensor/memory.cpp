#include "framework/tensor/memory.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <mutex>
#include <new>
#include <utility>

#include "framework/tensor/error.h"
#include "framework/tensor/machine_error.h"
#include "framework/tensor/mapping.h"
#include "framework/tensor/memory_bound.h"
#include "framework/tensor/memory_limits.h"
#include "framework/tensor/size_class.h"
#include "framework/tensor/storage.h"

namespace ebb {
namespace {

using detail::Storage;

constexpr std::size_t head = sizeof(Storage);
constexpr int reach = 3 * detail::class_steps;  // a small request takes a kept block of up to eight times its size

#ifdef EBB_NO_POOL
constexpr bool keep_blocks = false;
#else
constexpr bool keep_blocks = true;
#endif

struct Pool {
  std::mutex mutex;
  std::array<Storage*, detail::size_classes> kept{};  // small blocks
  detail::Mappings mappings;                          // large ones
  memory::Stats stats;
  bool poison = false;
  int guards = 0;
};

// Of the bound that holds in this thread.
struct Bounded {
  std::uint64_t most = std::numeric_limits<std::uint64_t>::max();  // bytes of a tensor
  const std::string* wanted = nullptr;
};
thread_local Bounded bounded;

// Never destroyed: tensors with static lifetime may outlive everything else.
Pool& pool() {
  static Pool* const instance = new Pool;
  return *instance;
}

Storage* from_malloc(std::size_t capacity, int size_class) {
  void* raw = nullptr;
  const std::size_t alignment = capacity < 4096 ? 64 : detail::placement;
  if (posix_memalign(&raw, alignment, head + capacity) != 0) return nullptr;
  Storage* const block = new (raw) Storage;
  block->capacity = capacity;
  block->size_class = static_cast<std::int16_t>(size_class);
  return block;
}

void to_malloc(Storage* block) {
  block->~Storage();
  std::free(block);
}

// A kept block of the class or one within reach; null when there is none.
[[maybe_unused]] Storage* take_small(Pool& p, int wanted) {
  const int last = std::min(wanted + reach, detail::size_classes - 1);
  for (int c = wanted; c <= last; ++c) {
    Storage*& list = p.kept[static_cast<std::size_t>(c)];
    if (list != nullptr) return std::exchange(list, list->next);
  }
  return nullptr;
}

}  // namespace

Storage* detail::acquire(std::size_t bytes) {
  const int wanted = class_of(bytes);
  if (wanted >= size_classes)
    fail("memory", text("a request of ", bytes, " bytes"), "at most 2^56 bytes", "use less of it");
  const bool large = keep_blocks && head + bytes >= smallest_mapping;
  if (bytes > bounded.most) fail("memory", text("a tensor of ", bytes, " bytes"), *bounded.wanted);
  Pool& p = pool();
  const std::scoped_lock lock(p.mutex);
  Storage* block = nullptr;
  if constexpr (keep_blocks) {
    if (!large) block = take_small(p, wanted);
    // The tensors of a smaller last batch find a place among those of the whole ones.
    if (block == nullptr && bytes >= smallest_piece) block = p.mappings.take(bytes);
  }
  if (block != nullptr) {
    block->next = nullptr;
    block->version = 0;
    block->refs.store(1, std::memory_order_relaxed);
  } else {
    if (p.guards > 0) require_available("memory", "a tensor", static_cast<std::int64_t>(bytes));
    // Without the pool a block is exactly as large as asked, so that a sanitizer sees every overrun.
    block = large ? Mappings::map(bytes) : from_malloc(keep_blocks ? bytes_of(wanted) : bytes, wanted);
    if (block == nullptr)
      throw MachineError("memory", text("no memory for ", bytes, " bytes"), "a smaller tensor",
                         "use less of it, or a machine or limits with more memory");
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
  if (block->size_class == Storage::mapped) {
    p.mappings.keep(block);
  } else if constexpr (keep_blocks) {
    auto& list = p.kept[static_cast<std::size_t>(block->size_class)];
    block->next = list;
    list = block;
  } else {
    p.stats.system_bytes -= block->capacity;
    to_malloc(block);
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
      to_malloc(block);
    }
  }
  p.stats.system_bytes -= p.mappings.release();
}

bool memory::set_poison(bool on) {
  const std::scoped_lock lock(pool().mutex);
  return std::exchange(pool().poison, on);
}

memory::Guard::Guard() {
  const std::scoped_lock lock(pool().mutex);
  ++pool().guards;
}

memory::Guard::~Guard() {
  const std::scoped_lock lock(pool().mutex);
  --pool().guards;
}

memory::Bound::Bound(std::uint64_t most, std::string wanted)
    : wanted_(std::move(wanted)), most_before_(bounded.most), wanted_before_(bounded.wanted) {
  if (most < most_before_) bounded = {.most = most, .wanted = &wanted_};
}

memory::Bound::~Bound() { bounded = {.most = most_before_, .wanted = wanted_before_}; }

bool memory::pooled() { return keep_blocks; }

}  // namespace ebb
