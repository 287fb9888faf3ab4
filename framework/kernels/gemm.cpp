#include "framework/kernels/gemm.h"

#include "framework/kernels/table_entries.h"
#include "framework/kernels/tile.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {
namespace {

// Packed rows stand in runs of so many numbers of one row, so that they are moved a register at a time and a tile's
// broadcasts have constant displacements.
constexpr int run = 8;

// A product of few rows waits for its panel, which comes from memory and is read once: it is asked for so many numbers
// ahead.
constexpr int64_t few_rows = 28, ahead = 1024;

// out[i][j] = b(i, j) for rows that stand in memory one behind the other.
template <class T>
void pack_contiguous(const Strided<T>& b, int64_t rows, int64_t columns, int64_t width, T* out) {
  for (int64_t i = 0; i < rows; ++i, out += width) {
    const T* const from = b.data + i * b.row;
    for (int64_t j = 0; j < width; j += lanes<T>) {
      const int64_t count = columns - j;
      const Batch<T> value = count >= lanes<T> ? Batch<T>::load_unaligned(from + j)
                             : count > 0       ? load_part(from + j, count)
                                               : Batch<T>(T(0));
      value.store_unaligned(out + j);
    }
  }
}

// The same for any strides: short runs of rows, so that what a column touches stays in the first cache.
template <class T>
void pack_strided(const Strided<T>& b, int64_t rows, int64_t columns, int64_t width, T* out) {
  constexpr int64_t block = 16;
  for (int64_t begin = 0; begin < rows; begin += block) {
    const int64_t end = begin + block < rows ? begin + block : rows;
    for (int64_t j = 0; j < width; ++j) {
      const T* const from = b.data + j * b.column;
      if (j < columns)
        for (int64_t i = begin; i < end; ++i) out[i * width + j] = from[i * b.row];
      else
        for (int64_t i = begin; i < end; ++i) out[i * width + j] = T(0);
    }
  }
}

template <class T>
void pack_columns(const Strided<T>& b, int64_t rows, int64_t columns, int64_t packed_rows, int64_t width, T* out) {
  if (b.column == 1 && width % lanes<T> == 0) pack_contiguous(b, rows, columns, width, out);
  else pack_strided(b, rows, columns, width, out);
  for (int64_t i = rows * width; i < packed_rows * width; ++i) out[i] = T(0);
}

// Tiles of M rows: out[tile][depth / run][m][run].
template <class T>
void pack_rows(const Strided<T>& a, int64_t rows, int64_t depth, int64_t packed_depth, T* out) {
  for_tiles<2>(rows, [&](auto tile, int64_t first) {
    constexpr int M = decltype(tile)::value;
    T* const to = out + first * packed_depth;
    const int64_t full = a.column == 1 ? depth / run * run : 0;
    for (int64_t k = 0; k < full; k += run)
      for (int m = 0; m < M; ++m)
        __builtin_memcpy(to + k * M + m * run, a.data + (first + m) * a.row + k, run * sizeof(T));
    for (int64_t k = full; k < packed_depth; k += run) {
      const int64_t count = depth - k < run ? depth - k : run;
      for (int64_t c = 0; c < run; ++c)
        for (int m = 0; m < M; ++m)
          to[k * M + m * run + c] = c < count ? a.data[(first + m) * a.row + (k + c) * a.column] : T(0);
    }
  });
}

template <class T, int V, int M>
void multiply_tile(const GemmPanel<T>& panel, int64_t first) {
  Tile<T, M, V> tile(panel.add ? nullptr : panel.bias, panel.columns);
  const T* a = panel.a + first * panel.depth;
  const T* b = panel.b;
  if constexpr (factors_by_lane) {
    // One loop for both, of which GCC keeps the sums where they are; its prefetches are few.
    const int64_t soon = first == 0 && panel.rows <= few_rows ? ahead : 0;
    for (int64_t k = 0; k < panel.depth; k += run, a += M * run, b += V * run * lanes<T>) {
#pragma GCC unroll 16
      for (int i = 0; i < V * run; i += prefetch_step<T>) __builtin_prefetch(b + soon + i * lanes<T>);
      tile.template run<run>(a, b, run);
    }
  } else if (first == 0 && panel.rows <= few_rows) {
    for (int64_t k = 0; k < panel.depth; k += run, a += M * run, b += V * run * lanes<T>) {
#pragma GCC unroll 16
      for (int i = 0; i < V * run; ++i) __builtin_prefetch(b + ahead + i * lanes<T>);
      tile.template run<run>(a, b, run);
    }
  } else {
    for (int64_t k = 0; k < panel.depth; k += run, a += M * run, b += V * run * lanes<T>)
      tile.template run<run>(a, b, run);
  }
  T* to[M];
  for (int m = 0; m < M; ++m) to[m] = panel.c + (first + m) * panel.c_row;
  if (panel.add) tile.add(to, panel.columns);
  else tile.store(to, panel.columns);
}

template <class T>
void multiply(const GemmPanel<T>& panel) {
  for_tiles<2>(panel.rows, [&](auto tile, int64_t first) {
    constexpr int M = decltype(tile)::value;
    if (panel.columns > lanes<T>) multiply_tile<T, 2, M>(panel, first);
    else multiply_tile<T, 1, M>(panel, first);
  });
}

template <class T>
void fill_table(Gemm<T>& table) {
  table.lanes = lanes<T>;
  table.depth_step = run;
  table.row_block = 70 / most_rows<2> * most_rows<2>;
  table.pack_columns = pack_columns<T>;
  table.pack_rows = pack_rows<T>;
  table.multiply = multiply<T>;
}

}  // namespace

void fill(Gemm<float>& table) { fill_table(table); }
void fill(Gemm<double>& table) { fill_table(table); }

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
