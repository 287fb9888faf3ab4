/// \file
/// How windows lie along one axis of an image. Not part of the public interface.
#pragma once

#include <algorithm>
#include <cstdint>

#include "framework/compute/blocks.h"

namespace ebb::detail {

/// Zeros before and behind the image, and the number of windows.
struct WindowsAlong {
  std::int64_t before = 0, after = 0, count = 0;
};

/// Same padding: ceil(size / stride) windows of `reach` pixels, with as many zeros as they need; an odd one behind the
/// image. `size` is at least 1.
constexpr WindowsAlong same_windows(std::int64_t size, std::int64_t reach, std::int64_t stride) {
  const std::int64_t count = ceil_div(size, stride);
  const std::int64_t zeros = std::max<std::int64_t>(0, (count - 1) * stride + reach - size);
  return {zeros / 2, zeros - zeros / 2, count};
}

/// `padding` zeros on both sides of `size` pixels, `reach` <= size + 2 padding.
/// \param ceil also a last window that is cut off, if it begins before the zeros behind the image.
constexpr WindowsAlong padded_windows(std::int64_t size, std::int64_t padding, std::int64_t reach, std::int64_t stride,
                                      bool ceil = false) {
  const std::int64_t room = size + 2 * padding - reach;
  std::int64_t count = room / stride + 1;
  if (ceil && room % stride != 0 && count * stride < size + padding) ++count;
  return {padding, padding, count};
}

}  // namespace ebb::detail
