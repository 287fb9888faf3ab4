/// \file
/// How rows are divided among register tiles of a few sizes. Included by kernel sources only.
#pragma once

#include "framework/kernels/machine.h"
#include "framework/kernels/simd.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int registers = 32;
#else
constexpr int registers = 16;
#endif

/// Registers of T from one prefetch to the next: where a register is a quarter of a line, others would ask for nothing
/// new.
template <class T>
constexpr int prefetch_step = factors_by_lane ? 64 / static_cast<int>(sizeof(Batch<T>)) : 1;

/// The most registers of columns in a tile.
constexpr int most_columns = factors_by_lane ? 16 : 4;

/// A number as a type.
template <int N>
struct Int {
  static constexpr int value = N;
};

/// Rows of the largest tile of V registers a row: the sums, V weights and a broadcast fit into the registers; on ARM64
/// the sums, the weights of four steps and a register of factors.
template <int V>
constexpr int most_rows = factors_by_lane   ? (V == 1 ? 16 : 10)
                          : registers == 32 ? (V == 1 ? 16 : 14)
                                            : (V == 1 ? 12 : 6);

/// True when there is a tile of M rows. Few sizes keep the code small; they reach every number of rows.
template <int V>
constexpr bool has_tile(int m) {
  return m == 1 || m == 2 || m == 4 || m == most_rows<V> || (m < most_rows<V> && m == 8);
}

/// Cost of a tile's step in half cycles: eight sums hide the latency of two multiply-adds per cycle.
template <int V>
constexpr int tile_cost(int m) {
  return (m * V < 8 ? 8 : m * V) + 1 + V;
}

/// The cheapest way to make up to 2 most_rows rows of tiles.
template <int V>
struct RowSplit {
  static constexpr int most = 2 * most_rows<V>;
  int first[most + 1] = {};  // tile to begin with
  int cost[most + 1] = {};

  constexpr RowSplit() {
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
constexpr RowSplit<V> split{};

/// Rows of the next tile when `left` rows remain.
template <int V>
inline int next_tile(int64_t left) {
  return left > RowSplit<V>::most ? most_rows<V> : split<V>.first[left];
}

/// Cost of `rows` rows in half cycles per step.
template <int V>
inline int64_t rows_cost(int64_t rows) {
  if (rows <= 0) return 0;
  const int64_t full = rows > RowSplit<V>::most ? ceil_div(rows - RowSplit<V>::most, most_rows<V>) : 0;
  return full * tile_cost<V>(most_rows<V>) + split<V>.cost[rows - full * most_rows<V>];
}

/// Calls f(Int<M>{}, begin) for tiles of M rows that together cover 0 .. rows-1.
template <int V, class F>
inline void for_tiles(int64_t rows, F f) {
  for (int64_t begin = 0; begin < rows;) {
    const int m = next_tile<V>(rows - begin);
    if (m == most_rows<V>) f(Int<most_rows<V>>{}, begin);
    if constexpr (has_tile<V>(8))
      if (m == 8) f(Int<8>{}, begin);
    if (m == 4) f(Int<4>{}, begin);
    if (m == 2) f(Int<2>{}, begin);
    if (m == 1) f(Int<1>{}, begin);
    begin += m;
  }
}

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
