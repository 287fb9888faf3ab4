/// \file
/// Where a register tile meets the edges of a result: rows and columns that are fewer than it has. Included by kernel
/// sources only.
#pragma once

#include "framework/kernels/simd.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {

/// Writes rows of a spilled tile, `width` numbers apart in `part`: `columns` <= width numbers of each to to[m], or all
/// of them for the first `whole` rows. Not inlined, since tiles are many and this is their rare end.
template <class T>
[[gnu::noinline]] static void write_rows(const T* part, int64_t width, T* const* to, int64_t rows, int64_t columns,
                                         int64_t whole) {
  for (int64_t m = 0; m < rows; ++m, part += width) {
    T* const at = to[m];
    if (m < whole) {
      for (int64_t j = 0; j < width; j += lanes<T>) Batch<T>::load_aligned(part + j).store_unaligned(at + j);
    } else {
      for (int64_t j = 0; j < columns; ++j) at[j] = part[j];
    }
  }
}

/// Adds rows of a spilled tile to `columns` <= width numbers at to[m].
template <class T>
[[gnu::noinline]] static void add_rows(const T* part, int64_t width, T* const* to, int64_t rows, int64_t columns) {
  for (int64_t m = 0; m < rows; ++m, part += width) {
    T* const at = to[m];
    if (columns == width) {
      for (int64_t j = 0; j < width; j += lanes<T>)
        (Batch<T>::load_unaligned(at + j) + Batch<T>::load_aligned(part + j)).store_unaligned(at + j);
    } else {
      for (int64_t j = 0; j < columns; ++j) at[j] += part[j];
    }
  }
}

/// `columns` <= width numbers of a bias, then zeros.
template <class T>
[[gnu::noinline]] static void pad_bias(const T* bias, int64_t columns, int64_t width, T* out) {
  for (int64_t j = 0; j < width; ++j) out[j] = j < columns ? bias[j] : T(0);
}

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
