/// \file
/// The register tile under matrix products and convolutions: M rows (matrix rows, or pixels) by V registers of columns
/// (output channels), all sums in registers. Included by kernel sources only.
///
/// One step multiplies M broadcast numbers with V registers of weights: M V multiply-adds for M + V loads, so 14 x 2 on
/// 32 registers needs 16 loads for 28 multiply-adds and stays below the two loads per cycle of current cores.
///
/// A multiply-add of ARM64 takes its factor from a lane, so factors come a register at a time: those of as many steps
/// as there are lanes, L, or of L rows that are neighbours. In the first case L M V multiply-adds take M + L V loads,
/// in the second M V take M / L + V. 10 x 2 in f32 has 18 loads for 80 multiply-adds. Its 20 sums, the 8 weights of
/// four steps and a register of factors fit into 32, and cores that begin four multiply-adds a cycle, each of four
/// cycles, need 16 sums.
#pragma once

#include "framework/kernels/machine.h"
#include "framework/kernels/simd.h"
#include "framework/kernels/tile_edges.h"
#include "framework/kernels/tile_rows.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {

/// The sums of a tile.
template <class T, int M, int V>
struct Tile {
  static constexpr int width = V * lanes<T>;
  Batch<T> sum[M][V];

  [[gnu::always_inline]] Tile() {
#pragma GCC unroll 16
    for (int m = 0; m < M; ++m)
#pragma GCC unroll most_columns
      for (int v = 0; v < V; ++v) sum[m][v] = Batch<T>(T(0));
  }

  /// Sums that start from the `columns` <= V lanes numbers of a bias, or from 0 where it is null.
  [[gnu::always_inline]] Tile(const T* bias, int64_t columns) {
    Batch<T> start[V];
#pragma GCC unroll most_columns
    for (int v = 0; v < V; ++v) start[v] = Batch<T>(T(0));
    if (bias != nullptr) {
      alignas(64) T padded[width];
      pad_bias(bias, columns, width, padded);
#pragma GCC unroll most_columns
      for (int v = 0; v < V; ++v) start[v] = Batch<T>::load_aligned(padded + v * lanes<T>);
    }
#pragma GCC unroll 16
    for (int m = 0; m < M; ++m)
#pragma GCC unroll most_columns
      for (int v = 0; v < V; ++v) sum[m][v] = start[v];
  }

  /// One step: row m's factor is x[m * x_row], the columns' factors are the V registers at w.
  [[gnu::always_inline]] void step(const T* x, int64_t x_row, const T* w) {
    Batch<T> columns[V];
#pragma GCC unroll most_columns
    for (int v = 0; v < V; ++v) columns[v] = Batch<T>::load_unaligned(w + v * lanes<T>);
#pragma GCC unroll 16
    for (int m = 0; m < M; ++m) {
      const Batch<T> factor(x[m * x_row]);
#pragma GCC unroll most_columns
      for (int v = 0; v < V; ++v) sum[m][v] = xsimd::fma(factor, columns[v], sum[m][v]);
    }
  }

  /// One step of rows whose factors are neighbours: row m's is x[m].
  [[gnu::always_inline]] void step_neighbours(const T* x, const T* w) { step_groups(x, lanes<T>, w); }

  /// One step of rows in groups of `lanes` whose factors are neighbours: row m's is x[m / lanes * group + m % lanes].
  [[gnu::always_inline]] void step_groups(const T* x, int64_t group, const T* w) {
    constexpr int groups = static_cast<int>(ceil_div(M, lanes<T>)), whole = M / lanes<T>;
    Batch<T> columns[V], factors[groups];
#pragma GCC unroll most_columns
    for (int v = 0; v < V; ++v) columns[v] = Batch<T>::load_unaligned(w + v * lanes<T>);
#pragma GCC unroll 16
    for (int g = 0; g < whole; ++g) factors[g] = Batch<T>::load_unaligned(x + g * group);
#pragma GCC unroll 16
    for (int m = 0; m < M; ++m) {
      const int g = m / lanes<T>, lane = m % lanes<T>;
      const Batch<T> factor(g < whole ? factors[g].data[lane] : x[g * group + lane]);
#pragma GCC unroll most_columns
      for (int v = 0; v < V; ++v) sum[m][v] = xsimd::fma(factor, columns[v], sum[m][v]);
    }
  }

  /// As many steps as there are lanes: in step i row m's factor is x[m * S + i], and the columns' are the V registers
  /// at w[i]. Many rows of one register take turns, so that a sum need not wait for itself.
  template <int S>
  [[gnu::always_inline]] void lane_steps(const T* x, const T* w) {
    constexpr int turns = V == 1 && M > 10 ? M / 2 : 1, round = turns * lanes<T>;
    Batch<T> columns[lanes<T>][V], factors[M];
#pragma GCC unroll 4
    for (int i = 0; i < lanes<T>; ++i)
#pragma GCC unroll most_columns
      for (int v = 0; v < V; ++v) columns[i][v] = Batch<T>::load_unaligned(w + (i * V + v) * lanes<T>);
#pragma GCC unroll 64
    for (int n = 0; n < M * lanes<T>; ++n) {
      const int i = n / turns % lanes<T>;
      const int m = n / round * turns + n % turns;
      if (i == 0) factors[m] = Batch<T>::load_unaligned(x + m * S);
#pragma GCC unroll most_columns
      for (int v = 0; v < V; ++v) sum[m][v] = xsimd::fma(Batch<T>(factors[m].data[i]), columns[i][v], sum[m][v]);
    }
  }

  /// `count` steps over consecutive numbers of each row, rows being S numbers apart: x[m * S + i] and the V registers
  /// at w[i]. Where S is a multiple of 4, so is count.
  template <int S>
  [[gnu::always_inline]] void run(const T* x, const T* w, int64_t count) {
    constexpr int unrolled = S % 4 == 0 ? 4 : 1;
#pragma GCC unroll 1
    for (int64_t i = 0; i < count; i += unrolled, x += unrolled, w += unrolled * V * lanes<T>) {
      if constexpr (factors_by_lane && S == 1) {
        step_neighbours(x, w);
        continue;
      } else if constexpr (factors_by_lane && unrolled == 4) {
#pragma GCC unroll 2
        for (int j = 0; j < unrolled; j += lanes<T>) lane_steps<S>(x + j, w + j * V * lanes<T>);
        continue;
      }
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
#pragma GCC unroll most_columns
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
#pragma GCC unroll most_columns
      for (int v = 0; v < V; ++v) sum[m][v].store_aligned(part + (m * V + v) * lanes<T>);
  }
};

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
