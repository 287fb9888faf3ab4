/// \file
/// Which loops are too short to be shared: private to framework/parallel.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace ebb::parallel::detail {

/// What is known of the loops of one place in the program with one number of items and blocks. Another thread takes its
/// time to wake up, and its part of the data must come over to it and back: short loops are faster without. Only the
/// schedule follows from it, never a result.
class LoopKind {
 public:
  /// Where a loop runs.
  enum class Where : std::uint8_t {
    shared,  ///< On all threads.
    alone,   ///< On the calling thread.
  };

  /// The kind of loops of a body at `place`. Kinds share a fixed table: a rare one may be forgotten, and judged anew.
  static LoopKind& of(const void* place, std::int64_t items, std::int64_t block);

  /// Where the next one runs: alone when that takes at most `limit`. 0: all are shared.
  Where choose(std::chrono::nanoseconds limit) const;

  /// Learns from a loop that ran `where` and took so long.
  void learn(Where where, std::chrono::nanoseconds time, std::chrono::nanoseconds limit);

 private:
  enum class State : std::uint8_t { unknown, perhaps_short, is_short, is_long };
  std::atomic<std::uint64_t> key_{0};
  std::atomic<State> state_{State::unknown};
  std::atomic<std::uint8_t> quick_{0};  // shared loops that were over within the limit
};

}  // namespace ebb::parallel::detail
