/// \file
/// Block sizes for parallel loops: about 20 microseconds of work each, decided by shapes alone.
#pragma once

#include <algorithm>
#include <cstdint>

namespace ebb {

/// Elements in a block of a cheap elementwise pass.
constexpr std::int64_t elementwise_block = 16384;

/// Rows in a block when each row has `row_cost` elements of elementwise work; at least 1.
constexpr std::int64_t row_block(std::int64_t row_cost) {
  return std::max<std::int64_t>(1, elementwise_block / std::max<std::int64_t>(1, row_cost));
}

}  // namespace ebb
