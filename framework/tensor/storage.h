/// \file
/// A counted block of memory from the pool. Users meet it only through Tensor.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "framework/tensor/placement.h"

namespace ebb::detail {

/// The head of a pool block; the data follows it, 64-byte aligned. `refs` counts the tensors that share the
/// block, `version` the edits of its contents.
struct alignas(64) Storage {
  static constexpr std::int16_t mapped = -1;  ///< Instead of a size class: a piece of a mapping.

  std::atomic<std::int32_t> refs{1};  ///< Owners; the last one gives the block back.
  std::int16_t size_class = 0;        ///< Bin of the pool.
  bool kept = false;                  ///< Of a piece of a mapping: free.
  std::uint64_t capacity = 0;         ///< Usable bytes behind the head.
  std::uint64_t version = 0;          ///< Grows with every mutable access.
  Storage* next = nullptr;            ///< Link in the pool's list while the block is kept.
  Storage* previous = nullptr;        ///< The way back in that list, of a piece of a mapping.
  Storage* before = nullptr;          ///< The piece that ends where this one begins.
  Storage* after = nullptr;           ///< The piece that begins where this one ends.

  /// First byte of the data.
  std::byte* data() { return reinterpret_cast<std::byte*>(this + 1); }
};
static_assert(sizeof(Storage) == placement_front);

/// A block of at least `bytes` bytes with one owner. The contents are undefined.
/// \throws Error when the system has no memory left.
Storage* acquire(std::size_t bytes);

/// Gives back a block whose last owner has gone.
void release(Storage* block) noexcept;

}  // namespace ebb::detail
