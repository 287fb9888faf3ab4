/// \file
/// Parallel loops. Blocks are fixed by the shape of the work, never by the number of threads, and partial
/// results are combined in a fixed order: the same bits come out on any number of threads.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

namespace ebb::parallel {

/// A reference to a callable `R(Args...)` that must outlive the call; costs no allocation.
template <class Signature>
class FunctionRef;

/// Specialisation for a signature.
template <class R, class... Args>
class FunctionRef<R(Args...)> {
 public:
  /// Refers to `f`.
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef> && std::is_invocable_r_v<R, F&, Args...>)
      FunctionRef(F&& f)
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))),
        call_([](void* object, Args... args) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(object))(std::forward<Args>(args)...);
        }) {}

  /// Calls the callable.
  R operator()(Args... args) const { return call_(object_, std::forward<Args>(args)...); }

  /// The same for all objects of a type of callable, such as a lambda's.
  const void* type() const { return reinterpret_cast<const void*>(call_); }

 private:
  void* object_;
  R (*call_)(void*, Args...);
};

/// Threads that loops may use. The first call reads EBB_THREADS; without it, the smaller of the affinity mask and
/// the control group's CPU quota.
int thread_count();

/// Sets the number of threads, which may exceed the number of cores. Not while a loop runs.
/// \throws Error unless 1 <= count <= 1024.
void set_thread_count(int count);

/// Loops that take at most this long in the calling thread run there: other threads may have to wake up first, and
/// their part of the data must come over to them. Loops are told apart by the type of their body, items and block, and
/// measured as they run; results do not depend on it.
std::chrono::nanoseconds short_loop();

/// Sets short_loop(), 25 microseconds at first. 0: every loop is shared.
void set_short_loop(std::chrono::nanoseconds limit);

/// Runs `body(begin, end)` for consecutive blocks of `block` items (the last may be shorter) of 0 .. items-1, in
/// any order, on up to thread_count() threads; begin / block is the block's number. One block, one thread, a call from
/// inside a loop and short loops (see short_loop()) run in the calling thread. Choose `block` from the shape so
/// that a block is worth about 20 microseconds. In a body denormal numbers count as zero, in whichever thread it runs.
/// An exception of a body is rethrown here; the other blocks may or may not have run. \throws Error when there are
/// items and `block` is below 1.
void for_blocks(std::int64_t items, std::int64_t block, FunctionRef<void(std::int64_t, std::int64_t)> body);

/// Number of blocks that for_blocks() makes of `items` >= 0 in blocks of `block` >= 1.
constexpr std::int64_t block_count(std::int64_t items, std::int64_t block) {
  return items / block + (items % block != 0 ? 1 : 0);
}

/// Sum over blocks of `body(begin, end)`, added by tree_sum() in the order of the blocks.
double sum_blocks(std::int64_t items, std::int64_t block, FunctionRef<double(std::int64_t, std::int64_t)> body);

/// Sum by a fixed binary tree over positions: neighbours first. Overwrites `values`; 0 when empty.
double tree_sum(std::span<double> values);

/// Adds `rows` rows of `width` numbers into the first row by the same tree as tree_sum(). Overwrites `values`.
template <class T>
void tree_sum_rows(T* values, std::int64_t rows, std::int64_t width) {
  for (std::int64_t gap = 1; gap < rows; gap *= 2) {
    for (std::int64_t row = 0; row + gap < rows; row += 2 * gap) {
      T* const into = values + row * width;
      const T* const from = values + (row + gap) * width;
      for (std::int64_t i = 0; i < width; ++i) into[i] += from[i];
    }
  }
}

/// Number of scratch slots of a thread. The last one belongs to sum_blocks().
constexpr int scratch_slots = 8;

/// Uninitialised 64-byte aligned memory of the calling thread, valid until the next call with the same `slot`
/// (0 .. scratch_slots - 2) on this thread. Kept and reused: steady work allocates nothing.
/// \throws Error for another slot, and for sizes that no memory has.
void* scratch_bytes(int slot, std::size_t bytes);

/// scratch_bytes() as `count` numbers of type T.
template <class T>
T* scratch(int slot, std::int64_t count) {
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(count, sizeof(T), &bytes)) bytes = SIZE_MAX;  // refused below
  return static_cast<T*>(scratch_bytes(slot, bytes));
}

/// Distinct threads that have run a block of a loop since the last reset_threads_seen().
int threads_seen();

/// Starts the count of threads_seen() anew.
void reset_threads_seen();

/// "oneTBB" or "std::thread": the backend this library was built with.
const char* backend();

}  // namespace ebb::parallel
