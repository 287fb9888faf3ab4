/// \file
/// The memory pool as the standard library's containers take it.
#pragma once

#include <cstddef>

#include "framework/tensor/storage.h"

namespace ebb::detail {

/// Memory from the pool of the tensors, for containers and shared objects: steps ask the system for none, and what a
/// long vector held serves tensors next.
template <class T>
struct PoolAllocator {
  using value_type = T;  ///< For std::allocator_traits.

  PoolAllocator() = default;
  template <class U>
  PoolAllocator(const PoolAllocator<U>& /*other*/) {}

  /// Memory for `count` objects.
  T* allocate(std::size_t count) {
    static_assert(alignof(T) <= alignof(Storage));
    return reinterpret_cast<T*>(acquire(count * sizeof(T))->data());
  }

  /// Gives it back.
  void deallocate(T* objects, std::size_t /*count*/) noexcept { release(reinterpret_cast<Storage*>(objects) - 1); }

  friend bool operator==(const PoolAllocator&, const PoolAllocator&) { return true; }
};

}  // namespace ebb::detail
