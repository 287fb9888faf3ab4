/// \file
/// What an op notes about its result for the op behind it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "framework/tensor/storage.h"
#include "framework/tensor/tensor.h"

namespace ebb {

/// How to make a value again from what is kept anyway, instead of keeping it as well.
struct Recompute {
  /// The value, from the two tensors below.
  using Make = Tensor(const Tensor& from, const Tensor& terms);
  Make* make = nullptr;       ///< Gives the same bits each time; null: there is no way.
  Tensor from;                ///< What the op that made the value keeps for itself.
  Tensor terms;               ///< Something small.
  std::uint64_t version = 0;  ///< Of the value when it was made: edited values cannot be made again.
};

/// What one op tells the next about a value, beside the value itself. It stands in a block of its own, which the copies
/// of a Var share: most values have none. It belongs to the value and not to a tape, since statistics are handed on
/// where nothing records, too.
struct Notes {
  Tensor channel_stats;  ///< See Var::channel_stats().
  Recompute recompute;   ///< See Var::recompute().
};

namespace detail {

/// Memory from the pool of the tensors: steps ask the system for none.
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

}  // namespace detail
}  // namespace ebb
