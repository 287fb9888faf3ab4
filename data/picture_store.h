// Pictures of one size as they come, until it is known how many there are. Private to data/.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "framework/tensor/memory.h"
#include "framework/tensor/tensor.h"

namespace ebb::detail {

// Bytes in pieces that are given back to the system as they are taken out again: the store and what is made of it
// together need little more memory than one of them.
class PictureStore {
 public:
  void add(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
      if (pieces_.empty() || used_ == piece) {
        pieces_.emplace_back(Shape{piece}, DType::u8);
        used_ = 0;
      }
      const auto count = std::min<std::int64_t>(static_cast<std::int64_t>(bytes.size()), piece - used_);
      std::copy_n(bytes.data(), count, pieces_.back().mutable_data<std::uint8_t>() + used_);
      used_ += count;
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }

  // The next bytes, in the order in which they were added.
  void take(std::span<std::uint8_t> out) {
    while (!out.empty()) {
      const auto count = std::min<std::int64_t>(static_cast<std::int64_t>(out.size()), piece - taken_);
      std::copy_n(pieces_[first_].data<std::uint8_t>() + taken_, count, out.data());
      out = out.subspan(static_cast<std::size_t>(count));
      taken_ += count;
      if (taken_ < piece) continue;
      pieces_[first_++] = Tensor();
      memory::release_kept();
      taken_ = 0;
    }
  }

 private:
  static constexpr std::int64_t piece = std::int64_t{8} << 20;
  std::vector<Tensor> pieces_;
  std::int64_t used_ = 0, taken_ = 0;
  std::size_t first_ = 0;
};

}  // namespace ebb::detail
