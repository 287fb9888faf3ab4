// gzip for fuzz targets: inputs are changed inside, and packed again with the right checksum.
#pragma once

#include <zlib.h>

#include <optional>

#include "tests/data/packed.h"
#include "tests/fuzz/target.h"

namespace ebb::fuzz {

// The largest input after unpacking.
constexpr std::size_t largest = std::size_t{1} << 20;

inline bool looks_packed(const Bytes& input) {
  return input.size() >= 2 && input[0] == std::byte{0x1F} && input[1] == std::byte{0x8B};
}

// Packed: by zlib's compressor, or, at level 0, by hand in stored blocks, which is what fuzzing can afford.
Bytes packed(const Bytes& plain, int level);

// What is in a gzip file by zlib's own reader; nothing when that refuses it or it is too large.
std::optional<Bytes> inflated(const Bytes& input);

// The contents of a gzip file, or the input itself.
inline Bytes unpacked(const Bytes& input) { return looks_packed(input) ? inflated(input).value_or(Bytes()) : input; }

// `change` acts on the contents of a gzip file; sometimes `blindly` acts on the file itself, or it is packed or
// unpacked.
void mutate_packed(Bytes& input, Dice& dice, const Blindly& blindly, const Blindly& change);

}  // namespace ebb::fuzz
