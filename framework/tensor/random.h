/// \file
/// Counter-based random numbers. An Rng is a key, not a stream: the n-th number is a pure function of key and n,
/// so neither threads nor the order of calls can change it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace ebb {

/// Philox4x32 with ten rounds: four 32-bit random numbers from a 128-bit counter and a 64-bit key.
/// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// A 64-bit key for counter-based random numbers.
class Rng {
 public:
  /// Equal seeds give equal keys.
  explicit Rng(std::uint64_t seed);

  /// The key of a named part; independent of this key and of other names. `rng.at("conv1").at("weight")`.
  Rng at(std::string_view name) const;

  /// The key of a numbered part, for example of an epoch or a sample.
  Rng at(std::uint64_t index) const;

  /// The four numbers of counter `index`.
  std::array<std::uint32_t, 4> block(std::uint64_t index) const;

  /// 64 random bits: number `index`.
  std::uint64_t bits(std::uint64_t index) const;

  /// Uniform in [0, 1) with 53 random bits: number `index`.
  double uniform(std::uint64_t index) const;

  /// Standard normal: number `index` (Box-Muller over uniform()).
  double normal(std::uint64_t index) const;

  /// Uniform in 0 .. n-1 (n > 0), with a bias below n / 2^64: number `index`.
  std::uint64_t below(std::uint64_t n, std::uint64_t index) const;

  /// The key itself, for kernels and checkpoints.
  std::uint64_t key() const { return key_; }

  /// An Rng with exactly this key(), as read back from a checkpoint.
  static Rng from_key(std::uint64_t key);

 private:
  Rng() = default;
  std::uint64_t key_ = 0;
};

}  // namespace ebb
