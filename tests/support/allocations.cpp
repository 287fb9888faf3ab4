#include "tests/support/allocations.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "framework/tensor/memory.h"

namespace {

std::atomic<std::uint64_t> calls{0};
std::atomic<std::size_t> live{0};
std::atomic<std::size_t> peak{0};
thread_local std::uint64_t calls_here = 0;

void* counted_or_null(std::size_t size, std::size_t alignment) {
  void* block = nullptr;
  if (alignment <= alignof(std::max_align_t)) block = std::malloc(size == 0 ? 1 : size);
  else if (posix_memalign(&block, alignment, size) != 0) block = nullptr;
  if (block == nullptr) return nullptr;
  ++calls_here;
  calls.fetch_add(1, std::memory_order_relaxed);
  const std::size_t held = malloc_usable_size(block);
  const std::size_t total = live.fetch_add(held, std::memory_order_relaxed) + held;
  std::size_t old = peak.load(std::memory_order_relaxed);
  while (old < total && !peak.compare_exchange_weak(old, total, std::memory_order_relaxed)) {
  }
  return block;
}

void* counted(std::size_t size, std::size_t alignment) {
  void* const block = counted_or_null(size, alignment);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

void dropped(void* block) noexcept {
  if (block != nullptr) live.fetch_sub(malloc_usable_size(block), std::memory_order_relaxed);
  std::free(block);
}

}  // namespace

void* operator new(std::size_t size) { return counted(size, 0); }
void* operator new[](std::size_t size) { return counted(size, 0); }
void* operator new(std::size_t size, std::align_val_t a) { return counted(size, static_cast<std::size_t>(a)); }
void* operator new[](std::size_t size, std::align_val_t a) { return counted(size, static_cast<std::size_t>(a)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted_or_null(size, 0); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return counted_or_null(size, 0); }
void operator delete(void* block, const std::nothrow_t&) noexcept { dropped(block); }
void operator delete[](void* block, const std::nothrow_t&) noexcept { dropped(block); }
void operator delete(void* block) noexcept { dropped(block); }
void operator delete[](void* block) noexcept { dropped(block); }
void operator delete(void* block, std::size_t) noexcept { dropped(block); }
void operator delete[](void* block, std::size_t) noexcept { dropped(block); }
void operator delete(void* block, std::align_val_t) noexcept { dropped(block); }
void operator delete[](void* block, std::align_val_t) noexcept { dropped(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { dropped(block); }
void operator delete[](void* block, std::size_t, std::align_val_t) noexcept { dropped(block); }

namespace ebb::test {

AllocationWatch::AllocationWatch()
    : calls_(::calls), calls_here_(::calls_here), live_(live), pool_live_(memory::stats().live_bytes) {
  peak = live_;
  memory::reset_peak();
}

std::uint64_t AllocationWatch::calls() const { return ::calls - calls_; }

std::uint64_t AllocationWatch::calls_here() const { return ::calls_here - calls_here_; }

std::size_t AllocationWatch::peak_bytes() const {
  return peak - live_ + static_cast<std::size_t>(memory::stats().peak_bytes) - pool_live_;
}

}  // namespace ebb::test
