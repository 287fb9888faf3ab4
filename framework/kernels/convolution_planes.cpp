#include "framework/kernels/convolution_parts.h"
#include "framework/kernels/interleave.h"
#include "framework/kernels/tile.h"

// Convolutions with few output channels: these would leave most lanes empty, so here positions are the lanes. Images
// are packed in blocks of one channel, which makes neighbouring positions neighbours in memory.
namespace ebb::kernels::EBB_KERNEL_ARCH {
namespace {

// Registers of positions in a tile of M channels: more in one of few. Four multiply-adds a cycle with a latency of
// four, of which there are ARM64s, need sixteen sums.
constexpr int few = factors_by_lane ? 1 : 2;
template <int M>
constexpr int position_registers = static_cast<int>(M <= few ? plane_registers : plane_registers / 2);

// Where the positions of a row stand in the result: images first, then columns.
template <class T>
class Pixels {
 public:
  Pixels(const ConvRow<T>& row, int64_t first)
      : image_(first % row.images),
        images_(row.images),
        step_(row.y_image),
        turn_(row.y_column - row.images * row.y_image),
        at_(row.y + first / row.images * row.y_column + image_ * row.y_image) {}

  T* next() {
    T* const at = at_;
    at_ += step_;
    if (++image_ == images_) {
      image_ = 0;
      at_ += turn_;
    }
    return at;
  }

 private:
  int64_t image_, images_;
  int64_t step_, turn_;  // to the next image, and from behind the last one to the next column
  T* at_;
};

// Writes the sums of up to V lanes positions, M channels each, to their pixels.
template <class T, int M, int V>
void write_positions(const Batch<T> (&sum)[M][V], const ConvRow<T>& row, int64_t first) {
  constexpr int columns = M > 4 ? 8 : M;  // M, rounded up to a power of two
  Pixels<T> pixels(row, first);
  int64_t left = row.columns * row.images - first;
#pragma GCC unroll most_columns
  for (int v = 0; v < V; ++v, left -= lanes<T>) {
    Batch<T> channels[columns];
#pragma GCC unroll 8
    for (int m = 0; m < columns; ++m) channels[m] = m < M ? sum[m][v] : Batch<T>(T(0));
    if constexpr (columns > 1) interleave(channels);
    alignas(64) T part[columns * lanes<T>];
#pragma GCC unroll 8
    for (int m = 0; m < columns; ++m) channels[m].store_aligned(part + m * lanes<T>);
    if (left >= lanes<T> && row.channels == M) {
#pragma GCC unroll 4
      for (int p = 0; p < lanes<T>; ++p) __builtin_memcpy(pixels.next(), part + p * columns, M * sizeof(T));
    } else {
      const int64_t count = left < lanes<T> ? left : lanes<T>;
      const int64_t used = row.channels;
      for (int64_t p = 0; p < count; ++p) {
        T* const to = pixels.next();
        for (int64_t m = 0; m < used; ++m) to[m] = part[p * columns + m];
      }
    }
  }
}

// M channels by V registers of positions: M V multiply-adds for M + V loads.
template <class T, int M>
void plane_tile(const ConvRow<T>& row, int64_t first) {
  constexpr int V = position_registers<M>;
  Tile<T, M, V> tile;
  if (row.bias != nullptr) {
    T bias[M];
    pad_bias(row.bias, row.channels, M, bias);
#pragma GCC unroll 8
    for (int m = 0; m < M; ++m)
#pragma GCC unroll most_columns
      for (int v = 0; v < V; ++v) tile.sum[m][v] = Batch<T>(bias[m]);
  }
  const T* x = row.x + (row.x_offset + first);
  const T* w = row.w;
  for (int64_t b = 0; b < row.blocks; ++b, x += row.x_block, w += row.w_block)
    for (const ConvTap* tap = row.taps; tap != row.taps + row.tap_count; ++tap)
      for (int64_t i = 0; i < tap->steps; ++i) {
        if constexpr (factors_by_lane) tile.step_neighbours(w + (tap->w + i * M), x + (tap->x + i));
        else tile.step(w + (tap->w + i * M), 1, x + (tap->x + i));
      }
  write_positions<T, M, V>(tile.sum, row, first);
}

template <class T, int M>
void plane_tiles(const ConvRow<T>& row) {
  for (int64_t first = 0; first < row.columns * row.images; first += position_registers<M> * lanes<T>)
    plane_tile<T, M>(row, first);
}

template <class T>
void plane_row(const ConvRow<T>& row) {
  constexpr int most = lanes<T> / 2;
  if constexpr (most >= 8)
    if (row.channels > 6) return plane_tiles<T, 8>(row);
  if constexpr (most >= 6)
    if (row.channels > 4) return plane_tiles<T, 6>(row);
  if constexpr (most >= 4)
    if (row.channels > 2) return plane_tiles<T, 4>(row);
  if constexpr (most >= 2)
    if (row.channels > 1) return plane_tiles<T, 2>(row);
  plane_tiles<T, 1>(row);
}

template <class T>
int64_t plane_channels(int64_t channels) {
  if (channels > lanes<T> / 2) return 0;
  return channels <= 2 ? channels : (channels + 1) / 2 * 2;
}

template <class T>
int64_t plane_cost(int64_t positions, int64_t channels) {
  const int64_t registers_wide = channels <= few ? position_registers<few> : position_registers<few + 1>,
                width = registers_wide * lanes<T>;
  return ceil_div(positions, width) * registers_wide * plane_channels<T>(channels);
}

// Taps by channels of a tile of the gradient: their products and one register of each factor fit into the registers.
// With four lanes planes pay for up to three channels.
constexpr int tile_taps = factors_by_lane ? 6 : registers == 32 ? 4 : 3;
constexpr int tile_channels = factors_by_lane || registers < 32 ? 3 : 6;

template <class T>
void plane_tile_gradient(const ConvPlanes<T>& args, int64_t tap, int64_t channel) {
  Batch<T> sum[tile_taps][tile_channels];
  const T* x[tile_taps];
  const T* dy[tile_channels];
#ifdef __aarch64__  // where it shows: GCC then keeps all sums in registers
#pragma GCC unroll 8
#endif
  for (int t = 0; t < tile_taps; ++t) {
#ifdef __aarch64__
#pragma GCC unroll 8
#endif
    for (int k = 0; k < tile_channels; ++k) sum[t][k] = Batch<T>(T(0));
    x[t] = args.x + args.taps[tap + t < args.tap_count ? tap + t : tap];  // products of a missing tap are not used
  }
  for (int k = 0; k < tile_channels; ++k)
    dy[k] = args.dy + (channel + k < args.channels ? channel + k : channel) * args.dy_plane;
  for (int64_t n = 0; n < args.images; ++n) {
    for (int64_t i = 0; i < args.rows; ++i) {
      const int64_t x_at = n * args.x_image + i * args.x_row;
      const int64_t dy_at = n * args.dy_image + i * args.dy_row;
#pragma GCC unroll 1
      for (int64_t j = 0; j < args.columns; j += lanes<T>) {
        Batch<T> up[tile_channels];
#pragma GCC unroll 8
        for (int k = 0; k < tile_channels; ++k) up[k] = Batch<T>::load_unaligned(dy[k] + (dy_at + j));
#pragma GCC unroll 8
        for (int t = 0; t < tile_taps; ++t) {
          const Batch<T> value = Batch<T>::load_unaligned(x[t] + (x_at + j));
#pragma GCC unroll 8
          for (int k = 0; k < tile_channels; ++k) sum[t][k] = xsimd::fma(value, up[k], sum[t][k]);
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int t = 0; t < tile_taps; ++t) {
#pragma GCC unroll 8
    for (int k = 0; k < tile_channels; ++k)
      if (tap + t < args.tap_count && channel + k < args.channels)
        args.dw[(tap + t) * args.dw_row + channel + k] += static_cast<T>(sum_lanes<T>(sum[t][k]));
  }
}

template <class T>
void plane_gradient(ConvPlanes<T> args) {
  if (args.x_row == args.dy_row) {
    args.columns *= args.rows;
    args.rows = 1;
  }
  for (int64_t tap = 0; tap < args.tap_count; tap += tile_taps)
    for (int64_t channel = 0; channel < args.channels; channel += tile_channels)
      plane_tile_gradient(args, tap, channel);
}

template <class T>
int64_t plane_gradient_cost(int64_t columns, int64_t channels) {
  return ceil_div(channels, tile_channels) * tile_channels * ceil_div(columns, lanes<T>);
}

template <class T>
void fill_table(Convolution<T>& table) {
  table.plane_channels = plane_channels<T>;
  table.plane_cost = plane_cost<T>;
  table.plane_row = plane_row<T>;
  table.plane_gradient_cost = plane_gradient_cost<T>;
  table.plane_gradient = [](const ConvPlanes<T>& args) { plane_gradient(args); };
}

}  // namespace

void fill_planes(Convolution<float>& table) { fill_table(table); }
void fill_planes(Convolution<double>& table) { fill_table(table); }

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
