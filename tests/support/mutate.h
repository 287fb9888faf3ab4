// Random damage for parsers: each mutation is a pure function of the sample and a seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "framework/tensor/random.h"

namespace ebb::test {

using Bytes = std::vector<std::byte>;

// Random numbers one after another.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : rng_(seed) {}
  std::uint64_t bits() { return rng_.bits(next_++); }
  // 0 .. n-1; 0 for n = 0.
  std::size_t below(std::size_t n) { return n == 0 ? 0 : rng_.below(n, next_++); }
  bool chance(int percent) { return below(100) < static_cast<std::size_t>(percent); }

 private:
  Rng rng_;
  std::uint64_t next_ = 0;
};

// One change of bytes: bits flipped, bytes set, numbers of 2, 4 or 8 bytes replaced by edge values in either byte
// order, ranges removed, repeated, moved or filled, the end cut off or something appended.
void mutate_bytes(Bytes& bytes, Dice& dice);

// One change of JSON text that keeps it close to JSON: tokens replaced by others of the text or by edge cases, removed,
// repeated or swapped, members doubled, single characters changed.
void mutate_json(std::string& json, Dice& dice);

// The text as bytes and back.
Bytes bytes_of(std::string_view text);
std::string text_of(std::span<const std::byte> bytes);

}  // namespace ebb::test
