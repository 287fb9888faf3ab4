/// \file
/// The fixed tree of parallel::tree_sum_rows() as a parallel pass: for the partial results of blocks.
#pragma once

#include <algorithm>

#include "framework/compute/blocks.h"
#include "framework/compute/instruction_set.h"
#include "framework/parallel/parallel.h"

namespace ebb {

/// Adds `rows` rows of `width` numbers, each `pitch` elements after the one before, into the first row, by the tree of
/// parallel::tree_sum(): neighbours first. Overwrites the others.
template <class T>
void tree_sum_parallel(T* values, std::int64_t rows, std::int64_t width, std::int64_t pitch) {
  const auto add = kernels_of<T>().elementwise.add;
  const std::int64_t block = std::max<std::int64_t>(64, elementwise_block / std::max<std::int64_t>(1, rows));
  parallel::for_blocks(width, block, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t gap = 1; gap < rows; gap *= 2) {
      for (std::int64_t row = 0; row + gap < rows; row += 2 * gap) {
        T* const into = values + row * pitch + begin;
        add(into, values + (row + gap) * pitch + begin, into, end - begin);
      }
    }
  });
}

}  // namespace ebb
