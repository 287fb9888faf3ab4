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

/// The sums of a tile.
template <class T, int M, int V>
struct Tile {
  Batch<T> sum[M][V];

  [[gnu::always_inline]] Tile() {
#pragma GCC unroll 16
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[m][v] = Batch<T>(T(0));
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

  /// Writes `columns` <= V lanes numbers of each row m to to(m), plus bias where it is not null. The first `whole` rows
  /// may be written as full registers: what follows them is written later.
  template <class To>
  [[gnu::always_inline]] void store(To to, int64_t columns, const T* bias, int64_t whole = 0) {
    constexpr int width = V * lanes<T>;
    alignas(64) T part[M * width];
    if (bias != nullptr) {
      for (int64_t j = 0; j < width; ++j) part[j] = j < columns ? bias[j] : T(0);
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        const Batch<T> b = Batch<T>::load_aligned(part + v * lanes<T>);
#pragma GCC unroll 16
        for (int m = 0; m < M; ++m) sum[m][v] += b;
      }
    }
    if (columns == width || whole >= M) {
#pragma GCC unroll 16
      for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) sum[m][v].store_unaligned(to(m) + v * lanes<T>);
    } else {
      spill(part);
      for (int m = 0; m < M; ++m) {
        T* const at = to(m);
        if (m < whole) {
          for (int v = 0; v < V; ++v)
            Batch<T>::load_aligned(part + m * width + v * lanes<T>).store_unaligned(at + v * lanes<T>);
        } else {
          for (int64_t j = 0; j < columns; ++j) at[j] = part[m * width + j];
        }
      }
    }
  }

  /// Adds to `columns` <= V lanes numbers of each row m at to(m).
  template <class To>
  [[gnu::always_inline]] void add(To to, int64_t columns) {
    constexpr int width = V * lanes<T>;
    alignas(64) T part[M * width];
    spill(part);
    for (int m = 0; m < M; ++m) {
      T* const at = to(m);
      if (columns == width) {
        for (int v = 0; v < V; ++v) {
          T* const here = at + v * lanes<T>;
          (Batch<T>::load_unaligned(here) + Batch<T>::load_aligned(part + m * width + v * lanes<T>))
              .store_unaligned(here);
        }
      } else {
        for (int64_t j = 0; j < columns; ++j) at[j] += part[m * width + j];
      }
    }
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
