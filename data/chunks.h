// Contents whose announced size is not to be trusted.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "framework/io/byte_source.h"

namespace ebb {

// Bytes in pieces that grow as they come, so that memory follows what a source really holds.
class Chunks {
 public:
  // Reads `size` bytes; throws when the source ends before.
  void read(ByteSource& source, std::uint64_t size, std::string_view what) {
    for (std::uint64_t left = size; left > 0; left -= chunks_.back().size()) {
      chunks_.emplace_back(static_cast<std::size_t>(std::min<std::uint64_t>(left, next_)));
      source.read_exactly(chunks_.back(), what);
      next_ = std::min(2 * next_, most);
    }
  }

  // Moves the bytes to where they belong, piece by piece: `take(piece)` for each in order.
  template <class F>
  void consume(F&& take) {
    for (std::vector<std::byte>& chunk : chunks_) {
      take(std::span<const std::byte>(chunk));
      chunk = {};
    }
    chunks_.clear();
  }

 private:
  static constexpr std::size_t most = std::size_t{1} << 20;
  std::size_t next_ = std::size_t{1} << 16;
  std::vector<std::vector<std::byte>> chunks_;
};

}  // namespace ebb
