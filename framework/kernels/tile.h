/// \file
/// The register tile under matrix products and convolutions: M rows (matrix rows, or pixels) by V registers of columns
/// (output channels), all sums in registers. Included by kernel sources only.
///
/// One step multiplies M broadcast numbers with V registers of weights: M V multiply-adds for M + V loads, so 14 x 2 on
/// 32 registers needs 16 loads for 28 multiply-adds and stays below the two loads per cycle of current cores.
#pragma once

#include "framework/kernels/simd.h"
#include "framework/kernels/tile_rows.h"

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

/// The sums of a tile.
template <class T, int M, int V>
struct Tile {
  static constexpr int width = V * lanes<T>;
  Batch<T> sum[M][V];

  [[gnu::always_inline]] Tile() {
#pragma GCC unroll 16
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[m][v] = Batch<T>(T(0));
  }

  /// Sums that start from the `columns` <= V lanes numbers of a bias, or from 0 where it is null.
  [[gnu::always_inline]] Tile(const T* bias, int64_t columns) {
    Batch<T> start[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) start[v] = Batch<T>(T(0));
    if (bias != nullptr) {
      alignas(64) T padded[width];
      pad_bias(bias, columns, width, padded);
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) start[v] = Batch<T>::load_aligned(padded + v * lanes<T>);
    }
#pragma GCC unroll 16
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[m][v] = start[v];
  }

  /// One step: row m's factor is x[m * x_row], the columns' factors are the V registers at w.
  [[gnu::always_inline]] void step(const T* x, int64_t x_row, const T* w) {
    Batch<T> columns[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) columns[v] = Batch<T>::load_unaligned(w + v * lanes<T>);
#pragma GCC unroll 16
    for (int m = 0; m < M; ++m) {
      const Batch<T> factor(x[m * x_row]);
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[m][v] = xsimd::fma(factor, columns[v], sum[m][v]);
    }
  }

  /// `count` steps over consecutive numbers of each row, rows being S numbers apart: x[m * S + i] and the V registers
  /// at w[i]. Where S is a multiple of 4, so is count.
  template <int S>
  [[gnu::always_inline]] void run(const T* x, const T* w, int64_t count) {
    constexpr int unrolled = S % 4 == 0 ? 4 : 1;
#pragma GCC unroll 1
    for (int64_t i = 0; i < count; i += unrolled, x += unrolled, w += unrolled * V * lanes<T>) {
#pragma GCC unroll 4
      for (int j = 0; j < unrolled; ++j) step(x + j, S, w + j * V * lanes<T>);
    }
  }

  /// Writes `columns` <= V lanes numbers of each row m to to[m]. The first `whole` rows may be written as full
  /// registers: what follows them is written later.
  [[gnu::always_inline]] void store(T* const* to, int64_t columns, int64_t whole = 0) {
    if (columns == width || whole >= M) {
#pragma GCC unroll 16
      for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) sum[m][v].store_unaligned(to[m] + v * lanes<T>);
    } else {
      alignas(64) T part[M * width];
      spill(part);
      write_rows(part, width, to, M, columns, whole);
    }
  }

  /// Adds to `columns` <= V lanes numbers of each row m at to[m].
  [[gnu::always_inline]] void add(T* const* to, int64_t columns) {
    alignas(64) T part[M * width];
    spill(part);
    add_rows(part, width, to, M, columns);
  }

  /// Writes the sums to `part`, 64-byte aligned: M rows of V lanes numbers.
  [[gnu::always_inline]] void spill(T* part) {
#pragma GCC unroll 16
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[m][v].store_aligned(part + (m * V + v) * lanes<T>);
  }
};

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
