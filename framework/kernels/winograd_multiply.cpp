#include "framework/kernels/table_entries.h"
#include "framework/kernels/tile.h"
#include "framework/kernels/winograd_parts.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {
namespace {

constexpr int vector = lanes<float>;

// Tiles of a panel: as many as a register tile of two registers has rows.
constexpr int panel = most_rows<2>;

// Weights that come from memory are asked for so many numbers ahead.
constexpr int64_t far_ahead = 1024;

// Asks for memory in equal portions.
class Ahead {
 public:
  Ahead(const WinogradAhead& ahead, int64_t portions)
      : at_(reinterpret_cast<const char*>(ahead.begin)),
        end_(at_ + ahead.numbers * static_cast<int64_t>(sizeof(float))),
        portion_((end_ - at_) / portions + line) {}

  [[gnu::always_inline]] void next() {
    const char* const stop = end_ - at_ < portion_ ? end_ : at_ + portion_;
    for (; at_ < stop; at_ += line) __builtin_prefetch(at_, 0, 2);
  }

 private:
  static constexpr int64_t line = 64;
  const char* at_;
  const char* end_;
  int64_t portion_;
};

// Register tiles of M tiles by V registers of channels; M V multiply-adds for M + V loads. Sizes that make up any
// number of rows of a panel, and with one register a pair of panels.
template <int V, class Function>
[[gnu::always_inline]] inline void each_part(int64_t rows, Function f) {
  for (int64_t first = 0; first < rows;) {
    const int64_t left = rows - first;
    if (left >= panel) f(Int<panel>{}, first), first += panel;
    else if (panel > 8 && left >= 8) f(Int<8>{}, first), first += 8;
    else if (left >= 4) f(Int<4>{}, first), first += 4;
    else if (left >= 2) f(Int<2>{}, first), first += 2;
    else f(Int<1>{}, first), first += 1;
  }
}

template <int M, int V>
[[gnu::noinline]] void product_tile(const float* v, int64_t v_step, const float* u, float* m, int64_t depth, bool add,
                                    bool far) {
  Tile<float, M, V> tile;
  if (add)
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i)
#pragma GCC unroll 2
      for (int j = 0; j < V; ++j) tile.sum[i][j] = Batch<float>::load_unaligned(m + (i * V + j) * vector);
  for (int64_t c = 0; c < depth; c += vector, v += v_step, u += vector * V * vector) {
    if (far)
#pragma GCC unroll 32
      for (int i = 0; i < vector * V; i += prefetch_step<float>) __builtin_prefetch(u + far_ahead + i * vector);
    tile.template run<vector>(v, u, vector);
  }
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < V; ++j) tile.sum[i][j].store_unaligned(m + (i * V + j) * vector);
}

template <int V>
void product(const WinogradProduct& args) {
  const int64_t panels = ceil_div(args.tiles, args.rows);
  const int64_t v_step = args.rows * vector;
  Ahead ahead(args.ahead, args.points * panels);
  for (int64_t p = 0; p < args.points; ++p) {
    const float* const v = args.v + p * args.v_point;
    const float* const u = args.u + p * args.u_point;
    float* const m = args.m + p * args.m_point;
    for (int64_t begin = 0; begin < args.tiles; begin += args.rows) {
      ahead.next();
      const int64_t left = args.tiles - begin;
      each_part<V>(left < args.rows ? left : args.rows, [&](auto size, int64_t first) {
        product_tile<size.value, V>(v + begin * args.v_depth + first * vector, v_step, u,
                                    m + (begin + first) * V * vector, args.depth, args.add,
                                    args.far && begin + first == 0);
      });
    }
  }
}

void multiply(const WinogradProduct& args) { args.width > vector ? product<2>(args) : product<1>(args); }

// Register tiles of M input channels by V registers of output channels, summed over the tiles of a block: M V
// multiply-adds for M + V loads. M divides the lanes.
constexpr int outer_rows = vector < 4 ? vector : registers == 32 && vector >= 8 ? 8 : 4;

template <int V>
[[gnu::noinline]] void outer_tile(const float* v, const float* d, float* s, int64_t tiles, bool add) {
  Tile<float, outer_rows, V> tile;
#pragma GCC unroll 1
  for (int64_t t = 0; t < tiles; ++t, v += vector, d += V * vector) tile.step(v, 1, d);
#pragma GCC unroll 8
  for (int i = 0; i < outer_rows; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < V; ++j) {
      float* const to = s + (i * V + j) * vector;
      (add ? Batch<float>::load_unaligned(to) + tile.sum[i][j] : tile.sum[i][j]).store_unaligned(to);
    }
  }
}

template <int V>
void outer_products(const WinogradOuter& args) {
  const int64_t calls = args.points * (args.depth / outer_rows);
  Ahead ahead[2] = {{args.ahead[0], calls}, {args.ahead[1], calls}};
  for (int64_t p = 0; p < args.points; ++p) {
    const float* const v = args.v + p * args.v_point;
    const float* const d = args.d + p * args.d_point;
    float* const s = args.s + p * args.s_point;
    for (int64_t c = 0; c < args.depth; c += outer_rows) {
      ahead[0].next();
      ahead[1].next();
      outer_tile<V>(v + c / vector * args.tiles * vector + c % vector, d, s + c * V * vector, args.tiles, args.add);
    }
  }
}

// Register tiles of B registers of input channels by V of output channels, summed over the tiles of a block: 16 sums,
// or 8 for the last channels. Each load of input channels brings the factors of so many rows as there are lanes.
template <int B, int V>
[[gnu::noinline]] void outer_tile_by_lane(const float* v, const float* d, float* s, int64_t tiles, bool add) {
  Tile<float, B * vector, V> tile;
  const int64_t block = tiles * vector;
#pragma GCC unroll 1
  for (int64_t t = 0; t < tiles; ++t, v += vector, d += V * vector) tile.step_groups(v, block, d);
#pragma GCC unroll 16
  for (int i = 0; i < B * vector; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < V; ++j) {
      float* const to = s + (i * V + j) * vector;
      (add ? Batch<float>::load_unaligned(to) + tile.sum[i][j] : tile.sum[i][j]).store_unaligned(to);
    }
  }
}

template <int V>
void outer_products_by_lane(const WinogradOuter& args) {
  constexpr int most = 4 / V;
  const int64_t registers_deep = args.depth / vector;
  const int64_t calls = args.points * (ceil_div(registers_deep, most));
  Ahead ahead[2] = {{args.ahead[0], calls}, {args.ahead[1], calls}};
  for (int64_t p = 0; p < args.points; ++p) {
    const float* const v = args.v + p * args.v_point;
    const float* const d = args.d + p * args.d_point;
    float* const s = args.s + p * args.s_point;
    for (int64_t c = 0; c < registers_deep; c += most) {
      ahead[0].next();
      ahead[1].next();
      if (registers_deep - c >= most) {
        outer_tile_by_lane<most, V>(v + c * args.tiles * vector, d, s + c * V * vector * vector, args.tiles, args.add);
        continue;
      }
      for (int64_t b = c; b < registers_deep; ++b)
        outer_tile_by_lane<1, V>(v + b * args.tiles * vector, d, s + b * V * vector * vector, args.tiles, args.add);
    }
  }
}

void outer(const WinogradOuter& args) {
  if constexpr (factors_by_lane)
    args.width > vector ? outer_products_by_lane<2>(args) : outer_products_by_lane<1>(args);
  else args.width > vector ? outer_products<2>(args) : outer_products<1>(args);
}

}  // namespace

void fill_products(Winograd& table) {
  table.rows = panel;
  table.multiply = multiply;
  table.outer = outer;
}

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
