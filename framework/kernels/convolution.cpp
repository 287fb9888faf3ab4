#include "framework/kernels/convolution.h"

#include "framework/kernels/convolution_parts.h"
#include "framework/kernels/table_entries.h"
#include "framework/kernels/tile.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {
namespace {

// Sizes of channel blocks with tiles of their own, the largest first, and the share of the peak that each reaches, in
// percent. f64 has few, since it need not be the fastest: these tiles are a large part of the build.
struct BlockSize {
  int64_t channels, speed;
};
template <class T>
constexpr BlockSize block_sizes[] = {{16, 100}, {4, 97}, {3, 85}, {1, 82}};
template <>
constexpr BlockSize block_sizes<double>[] = {{4, 97}, {1, 82}};

template <class T>
int64_t channel_block(int64_t channels) {
  int64_t best = 1;
  int64_t least = -1;
  for (const BlockSize& size : block_sizes<T>) {
    const int64_t cost = ceil_div(channels, size.channels) * size.channels * 10000 / size.speed;
    if (least >= 0 && cost >= least) continue;
    least = cost;
    best = size.channels;
  }
  return best;
}

int64_t row_cost(int64_t positions, int64_t registers_wide) {
  return registers_wide == 1 ? rows_cost<1>(positions) : rows_cost<2>(positions);
}

template <class T, int M, int V, int C>
void row_tile(const ConvRow<T>& row, int64_t first) {
  Tile<T, M, V> tile(row.bias, row.channels);
  const T* x = row.x + (row.x_offset + first * C);
  const T* w = row.w;
  for (int64_t b = 0; b < row.blocks; ++b, x += row.x_block, w += row.w_block)
    for (const ConvTap* tap = row.taps; tap != row.taps + row.tap_count; ++tap)
      tile.template run<C>(x + tap->x, w + tap->w * V, tap->steps);
  // Where the pixels of an image row follow each other without a gap, full registers may be stored as long as they
  // end inside the row: later positions overwrite what is too much.
  const int64_t spare = ceil_div(V * lanes<T>, row.channels);
  const int64_t dense = row.y_column == row.channels ? row.columns - spare : -1;
  T* to[M];
  int64_t whole = 0;
  int64_t column = first / row.images;
  int64_t image = first % row.images;
  for (int m = 0; m < M; ++m) {
    to[m] = row.y + column * row.y_column + image * row.y_image;
    if (column <= dense) whole = m + 1;
    if (++image == row.images) {
      image = 0;
      ++column;
    }
  }
  tile.store(to, row.channels, whole);
}

template <class T, int V, int C>
void row_tiles(const ConvRow<T>& row) {
  for_tiles<V>(row.columns * row.images,
               [&](auto tile, int64_t first) { row_tile<T, decltype(tile)::value, V, C>(row, first); });
}

template <class T, int V>
void row_blocks(const ConvRow<T>& row) {
  if (row.block == 4) return row_tiles<T, V, 4>(row);
  if constexpr (sizeof(T) == sizeof(float)) {
    if (row.block == 16) return row_tiles<T, V, 16>(row);
    if (row.block == 3) return row_tiles<T, V, 3>(row);
  }
  row_tiles<T, V, 1>(row);
}

template <class T>
void fill_table(Convolution<T>& table) {
  table.lanes = lanes<T>;
  table.channel_block = channel_block<T>;
  table.row_cost = row_cost;
  table.row = [](const ConvRow<T>& row) { row.channels > lanes<T> ? row_blocks<T, 2>(row) : row_blocks<T, 1>(row); };
  fill_packing(table);
  fill_gradients(table);
  fill_planes(table);
  fill_depthwise(table);
}

}  // namespace

void fill(Convolution<float>& table) { fill_table(table); }
void fill(Convolution<double>& table) { fill_table(table); }

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
