/// \file
/// The memory pool behind all tensors: 64-byte aligned blocks, kept and reused from step to step.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ebb::memory {

/// What the pool holds and has asked for, in blocks and bytes.
struct Stats {
  std::uint64_t system_blocks = 0;  ///< Blocks asked of the system since the start.
  std::uint64_t system_bytes = 0;   ///< Bytes held from the system now, in use or kept.
  std::uint64_t live_bytes = 0;     ///< Bytes in use by tensors now.
  std::uint64_t peak_bytes = 0;     ///< The largest live_bytes since the start or reset_peak().
};

/// A snapshot of the counters. Thread-safe.
Stats stats();

/// Sets peak_bytes to live_bytes.
void reset_peak();

/// Returns all kept memory to the system but what shares a mapping with a tensor in use.
void release_kept();

/// While on, blocks are handed out full of NaN (all bits set), so that a result which nobody wrote is seen. For tests.
/// Returns whether it was on before.
bool set_poison(bool on);

/// While one lives, memory is asked of the system for a tensor of more than 1 MiB only where available_memory() has
/// room for it: what is too large is an Error before it exists, where the system might give the memory and end the
/// process as it is filled. For models and data of sizes that somebody else chose, not for training steps: asking takes
/// time.
class Guard {
 public:
  Guard();
  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
};

/// False in a build without the pool (sanitizer presets), where each block comes from the system and goes back.
bool pooled();

}  // namespace ebb::memory
