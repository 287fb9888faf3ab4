#include "framework/kernels/convolution_parts.h"
#include "framework/kernels/tile.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {
namespace {

// M consecutive numbers of x by V registers of dy, summed over all pixels in registers: M V multiply-adds for M + V
// loads, and the gradient itself is touched once.
template <class T, int M, int V>
void weight_tile(const ConvWeights<T>& args, int64_t first) {
  Tile<T, M, V> tile;
  for (int64_t n = 0; n < args.images; ++n) {
    for (int64_t i = 0; i < args.rows; ++i) {
      const T* x = args.x + n * args.x_image + i * args.x_row + first;
      const T* dy = args.dy + n * args.dy_image + i * args.dy_row;
      for (int64_t j = 0; j < args.columns; ++j, x += args.x_column, dy += args.dy_column) {
        if constexpr (factors_by_lane) tile.step_neighbours(x, dy);
        else tile.step(x, 1, dy);
      }
    }
  }
  T* to[M];
  for (int m = 0; m < M; ++m) to[m] = args.dw + (first + m) * args.dw_row;
  tile.add(to, args.channels);
}

// The tile of `rows` <= M rows.
template <class T, int M, int V>
void weight_rows(const ConvWeights<T>& args, int64_t first, int64_t rows) {
  if constexpr (M > 1)
    if (rows < M) return weight_rows<T, M - 1, V>(args, first, rows);
  weight_tile<T, M, V>(args, first);
}

// Tiles of about the same size, since small ones wait for their own sums.
template <class T, int V>
void weight_tiles(const ConvWeights<T>& args) {
  int64_t tiles = ceil_div(args.count, most_rows<V>);
  for (int64_t first = 0; first < args.count; --tiles) {
    const int64_t rows = ceil_div(args.count - first, tiles);
    weight_rows<T, most_rows<V>, V>(args, first, rows);
    first += rows;
  }
}

template <class T>
void weight_gradient(const ConvWeights<T>& args) {
  if (args.channels > lanes<T>) weight_tiles<T, 2>(args);
  else weight_tiles<T, 1>(args);
}

}  // namespace

void fill_gradients(Convolution<float>& table) { table.weight_gradient = weight_gradient<float>; }
void fill_gradients(Convolution<double>& table) { table.weight_gradient = weight_gradient<double>; }

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
