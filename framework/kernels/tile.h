/// \file
/// The register tile under matrix products and convolutions: M rows (matrix rows, or pixels) by V registers of columns
/// (output channels), all sums in registers. Included by kernel sources only.
///
/// One step multiplies M broadcast numbers with V registers of weights: M V multiply-adds for M + V loads, so 14 x 2 on
/// 32 registers needs 16 loads for 28 multiply-adds and stays below the two loads per cycle of current cores.
#pragma once

#include "framework/kernels/simd.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int registers = 32;
#else
constexpr int registers = 16;
#endif

/// A number as a type.
template <int N>
struct Int {
  static constexpr int value = N;
};

/// Rows of the largest tile of V registers a row: the sums, V weights and a broadcast fit into the registers.
template <int V>
constexpr int most_rows = registers == 32 ? (V == 1 ? 16 : 14) : (V == 1 ? 12 : 6);

/// True when there is a tile of M rows. Few sizes keep the code small; they reach every number of rows.
template <int V>
constexpr bool has_tile(int m) {
  return m == 1 || m == 2 || m == 4 || m == most_rows<V> || (m < most_rows<V> && (m == 8 || m == 12));
}

/// Cost of a tile's step in half cycles: eight sums hide the latency of two multiply-adds per cycle.
template <int V>
constexpr int tile_cost(int m) {
  return (m * V < 8 ? 8 : m * V) + 1 + V;
}

/// The cheapest way to make up to 2 most_rows rows of tiles.
template <int V>
struct Split {
  static constexpr int most = 2 * most_rows<V>;
  int first[most + 1] = {};  // tile to begin with
  int cost[most + 1] = {};

  constexpr Split() {
    for (int n = 1; n <= most; ++n) {
      for (int m = 1; m <= n && m <= most_rows<V>; ++m) {
        if (!has_tile<V>(m)) continue;
        const int total = tile_cost<V>(m) + cost[n - m];
        if (first[n] != 0 && total > cost[n]) continue;
        first[n] = m;
        cost[n] = total;
      }
    }
  }
};

template <int V>
constexpr Split<V> split{};

/// Rows of the next tile when `left` rows remain.
template <int V>
inline int next_tile(int64_t left) {
  return left > Split<V>::most ? most_rows<V> : split<V>.first[left];
}

/// Cost of `rows` rows in half cycles per step.
template <int V>
inline int64_t rows_cost(int64_t rows) {
  if (rows <= 0) return 0;
  const int64_t full = rows > Split<V>::most ? (rows - Split<V>::most + most_rows<V> - 1) / most_rows<V> : 0;
  return full * tile_cost<V>(most_rows<V>) + split<V>.cost[rows - full * most_rows<V>];
}

/// Calls f(Int<M>{}, begin) for tiles of M rows that together cover 0 .. rows-1.
template <int V, class F>
inline void for_tiles(int64_t rows, F f) {
  for (int64_t begin = 0; begin < rows;) {
    const int m = next_tile<V>(rows - begin);
    if (m == most_rows<V>) f(Int<most_rows<V>>{}, begin);
    if constexpr (most_rows < V >> 12)
      if (m == 12) f(Int<12>{}, begin);
    if constexpr (most_rows < V >> 8)
      if (m == 8) f(Int<8>{}, begin);
    if (m == 4) f(Int<4>{}, begin);
    if (m == 2) f(Int<2>{}, begin);
    if (m == 1) f(Int<1>{}, begin);
    begin += m;
  }
}

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

  /// C steps over consecutive numbers of each row: x[m * C + c] and the V registers at w[c].
  template <int C>
  [[gnu::always_inline]] void steps(const T* x, const T* w) {
#pragma GCC unroll 4
    for (int c = 0; c < C; ++c) step(x + c, C, w + c * V * lanes<T>);
  }

  /// Writes `columns` <= V lanes numbers of each row m to to(m), plus bias where it is not null.
  template <class To>
  [[gnu::always_inline]] void store(To to, int64_t columns, const T* bias) {
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
    if (columns == width) {
#pragma GCC unroll 16
      for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) sum[m][v].store_unaligned(to(m) + v * lanes<T>);
    } else {
      spill(part);
      for (int m = 0; m < M; ++m)
        for (int64_t j = 0; j < columns; ++j) to(m)[j] = part[m * width + j];
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

 private:
  [[gnu::always_inline]] void spill(T* part) {
#pragma GCC unroll 16
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[m][v].store_aligned(part + (m * V + v) * lanes<T>);
  }
};

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
