/// \file
/// Team: the threads that share a loop and stay awake for a moment behind it. Private to framework/parallel.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "framework/parallel/parallel.h"

namespace ebb::parallel::detail {

/// Most threads of a loop.
constexpr int most_threads = 1024;

/// Threads of a pool that share loops with their callers. To wake a thread takes longer than many loops do. So one that
/// has come looks for the next loop for a moment before it goes back to the pool, and finds it at once.
class Team {
 public:
  /// Calls `body(0)` in this thread and `body(place)` in the threads that come while it runs, for places below `count`,
  /// each once at most; returns when no call is under way any more. `invite(place)` is to make a thread of a pool call
  /// attend(place), now or later; whether it comes in time is open, so body(0) must be able to do everything. Bodies do
  /// not throw. Called by one thread at a time.
  void run(int count, FunctionRef<void(std::int64_t)> body, FunctionRef<void(int)> invite);

  /// Takes part in every loop that begins, as `place`, until none has begun for a while.
  void attend(int place);

 private:
  using Word = std::uint64_t;
  static constexpr Word active = 0xFFFF;       // threads in the body, without the caller
  static constexpr Word open = active + 1;     // whether more may come
  static constexpr Word next_loop = 2 * open;  // the rest counts loops
  static constexpr int places_each = 64;       // of a word of present_

  static constexpr std::size_t word_of(int place) { return static_cast<std::size_t>(place / places_each); }
  static constexpr Word bit_of(int place) { return Word{1} << (place % places_each); }
  bool is_present(int place) const;
  bool enter(int place);
  void leave(int place);
  bool is_open_beyond(Word last) const;
  bool join(int place, Word& last);

  alignas(64) std::atomic<Word> state_{0};
  alignas(64) std::array<std::atomic<Word>, most_threads / places_each> present_{};  // places that are attended
  // Of the loop under way: written before it opens.
  alignas(64) const FunctionRef<void(std::int64_t)>* body_ = nullptr;
  int count_ = 0;
};

}  // namespace ebb::parallel::detail
