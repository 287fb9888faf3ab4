/// \file
/// Block sizes for parallel loops: about 20 microseconds of work each, decided by shapes alone; and rounding up.
#pragma once

#include <algorithm>
#include <cstdint>

namespace ebb {

/// a / b, rounded up, for a >= 0 and b > 0.
constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Elements in a block of a cheap elementwise pass.
constexpr std::int64_t elementwise_block = 16384;

/// Multiply-adds worth a parallel block.
constexpr std::int64_t block_work = 1 << 20;

/// Whether an output of that many bytes is better written past the caches: by the time the next op reads it, a
/// second-level cache holds nothing of it, and an ordinary store reads its line first. Measured.
constexpr bool streams(std::int64_t bytes) { return bytes >= std::int64_t{4} << 20; }

/// Rows in a block when each row has `row_cost` elements of elementwise work; at least 1.
constexpr std::int64_t row_block(std::int64_t row_cost) {
  return std::max<std::int64_t>(1, elementwise_block / std::max<std::int64_t>(1, row_cost));
}

/// row_block() of rows of `size` exponentials, which cost about eight times a plain elementwise operation each.
constexpr std::int64_t exponential_row_block(std::int64_t size) { return row_block(8 * size); }

}  // namespace ebb
