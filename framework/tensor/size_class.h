/// \file
/// Size classes of the memory pool, private to framework/tensor: an eighth of an octave apart.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>

namespace ebb::detail {

/// Size classes per doubling: a request of a class leaves at most an eighth of the class's bytes unused.
constexpr int class_steps = 8;

/// Number of size classes; the last holds 2^56 bytes.
constexpr int size_classes = 48 * class_steps;

/// The smallest class that holds `bytes`. Classes 0..7 are multiples of 64 bytes up to 512, then eight equal steps for
/// each doubling.
constexpr int class_of(std::size_t bytes) {
  const std::size_t units = std::max<std::size_t>((bytes + 63) / 64, 1);
  if (units <= class_steps) return static_cast<int>(units) - 1;
  const int doubling = static_cast<int>(std::bit_width(units - 1) - std::bit_width(std::size_t{class_steps - 1}));
  const std::size_t step = std::size_t{1} << (doubling - 1);
  const std::size_t base = std::size_t{class_steps} << (doubling - 1);
  return doubling * class_steps + static_cast<int>((units - base + step - 1) / step) - 1;
}

/// Bytes that a class holds.
constexpr std::size_t bytes_of(int size_class) {
  const int doubling = size_class / class_steps;
  const std::size_t part = static_cast<std::size_t>(size_class % class_steps) + 1;
  if (doubling == 0) return part * 64;
  return ((std::size_t{class_steps} << (doubling - 1)) + part * (std::size_t{1} << (doubling - 1))) * 64;
}

}  // namespace ebb::detail
