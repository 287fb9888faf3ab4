#include "framework/compute/gemm.h"

#include <algorithm>

#include "framework/compute/blocks.h"
#include "framework/compute/instruction_set.h"
#include "framework/compute/tree.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

using kernels::Strided;

constexpr std::int64_t blocks_wanted = 8;        // each packs its rows anew: no more than threads need
constexpr std::int64_t depth_chunk = 1024;       // most products summed in registers: a panel stays in the cache
constexpr std::int64_t split_depth = 512;        // least depth of a block of its own
constexpr std::int64_t small_product = 1 << 18;  // multiply-adds worth a thread

constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) { return ceil_div(a, b) * b; }

// How a product is cut: blocks of rows, of columns and, for small results of long sums, of the depth. A block of the
// depth is summed in chunks; unless sums are over a batch a block is one chunk, or all of them.
struct Plan {
  std::int64_t rows;  // of a block
  std::int64_t row_blocks;
  std::int64_t columns;  // of a block: whole panels
  std::int64_t column_blocks;
  std::int64_t chunk;  // of the depth, summed in registers: a multiple of the packing's step
  std::int64_t depth;  // of a block, likewise
  std::int64_t depth_blocks;
};

template <class T>
Plan plan(const kernels::Gemm<T>& kernel, std::int64_t m, std::int64_t n, std::int64_t k, bool over_batch) {
  const std::int64_t panel = 2 * kernel.lanes;
  Plan p{};
  p.row_blocks = ceil_div(m, kernel.row_block);
  p.rows = ceil_div(m, p.row_blocks);
  p.row_blocks = ceil_div(m, p.rows);
  p.columns = round_up(n, panel);
  const std::int64_t work = m * n * k;
  if (p.row_blocks < blocks_wanted && work > small_product) {
    const std::int64_t wanted = std::min(ceil_div(blocks_wanted, p.row_blocks), ceil_div(work, small_product));
    p.columns = round_up(ceil_div(n, std::min(wanted, ceil_div(n, 4 * panel))), panel);
  }
  p.column_blocks = ceil_div(n, p.columns);
  const std::int64_t blocks = p.row_blocks * p.column_blocks;
  const bool cut = 2 * blocks <= blocks_wanted && work > small_product;
  if (over_batch) {
    p.chunk = depth_chunk;
    p.depth_blocks = cut ? std::clamp<std::int64_t>(k / split_depth, 1, blocks_wanted / blocks) : 1;
    p.depth = round_up(ceil_div(k, p.depth_blocks), kernel.depth_step);
  } else {
    p.chunk = round_up(ceil_div(k, ceil_div(k, depth_chunk)), kernel.depth_step);
    p.depth = cut ? p.chunk : round_up(k, kernel.depth_step);
  }
  p.depth_blocks = ceil_div(k, p.depth);
  return p;
}

template <class T>
class Product {
 public:
  Product(std::int64_t m, std::int64_t n, std::int64_t k, const Strided<T>& a, const Strided<T>& b, bool over_batch)
      : kernel_(kernels_of<T>().gemm),
        m_(m),
        n_(n),
        k_(k),
        depth_(round_up(k, kernel_.depth_step)),
        a_(a),
        b_(b),
        plan_(plan(kernel_, m, n, k, over_batch)) {}

  std::int64_t packed_size() const { return round_up(n_, kernel_.lanes) * depth_; }

  void pack_b(T* out) const {
    const std::int64_t panel = 2 * kernel_.lanes;
    const std::int64_t block = std::max<std::int64_t>(1, 32768 / (panel * depth_));
    parallel::for_blocks(ceil_div(n_, panel), block, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t p = begin; p < end; ++p) {
        const Strided<T> from{b_.data + p * panel * b_.column, b_.row, b_.column};
        kernel_.pack_columns(from, k_, std::min(panel, n_ - p * panel), depth_, panel_width(p * panel),
                             out + p * panel * depth_);
      }
    });
  }

  void run(T* c, std::int64_t c_row, const GemmOptions<T>& options) {
    packed_ = options.packed;
    if (packed_ == nullptr) {
      T* const packed = parallel::scratch<T>(0, packed_size());
      pack_b(packed);
      packed_ = packed;
    }
    if (plan_.row_blocks == 1 && plan_.column_blocks > 1) pack_all_rows();
    if (plan_.depth_blocks == 1) {
      for_results([&](std::int64_t i, std::int64_t j) { block(i, j, 0, c, c_row, options); });
      return;
    }
    T* const partial = parallel::scratch<T>(2, plan_.depth_blocks * m_ * n_);
    const bool into_c = !options.over_batch;  // the first block, as if the others came after it
    for_results([&](std::int64_t i, std::int64_t j, std::int64_t d) {
      if (d == 0 && into_c) block(i, j, d, c, c_row, options);
      else block(i, j, d, partial + d * m_ * n_, n_, GemmOptions<T>{});
    });
    if (into_c) {
      for (std::int64_t d = 1; d < plan_.depth_blocks; ++d) finish(partial + d * m_ * n_, c, c_row, {.add = true});
      return;
    }
    tree_sum_parallel(partial, plan_.depth_blocks, m_ * n_, m_ * n_);
    finish(partial, c, c_row, options);
  }

 private:
  std::int64_t panel_width(std::int64_t column) const {
    return n_ - column > kernel_.lanes ? 2 * kernel_.lanes : kernel_.lanes;
  }

  void pack_rows(std::int64_t first_row, std::int64_t rows, std::int64_t begin, std::int64_t depth, T* to) const {
    const Strided<T> from{a_.data + first_row * a_.row + begin * a_.column, a_.row, a_.column};
    kernel_.pack_rows(from, rows, std::min(depth, k_ - begin), depth, to);
  }

  // In the calling thread's slot, which no block uses then.
  void pack_all_rows() {
    T* const rows = parallel::scratch<T>(1, m_ * depth_);
    for (std::int64_t d = 0; d < plan_.depth_blocks; ++d) {
      const std::int64_t end = std::min(depth_, (d + 1) * plan_.depth);
      for (std::int64_t begin = d * plan_.depth; begin < end; begin += plan_.chunk)
        pack_rows(0, m_, begin, std::min(plan_.chunk, end - begin), rows + m_ * begin);
    }
    rows_ = rows;
  }

  template <class Body>
  void for_results(Body body) {
    const std::int64_t blocks = plan_.row_blocks * plan_.column_blocks;
    parallel::for_blocks(blocks * plan_.depth_blocks, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t at = begin; at < end; ++at) {
        const std::int64_t result = at % blocks;
        if constexpr (requires { body(0, 0); }) body(result / plan_.column_blocks, result % plan_.column_blocks);
        else body(result / plan_.column_blocks, result % plan_.column_blocks, at / blocks);
      }
    });
  }

  // Block (i, j) of the result over block d of the depth.
  void block(std::int64_t i, std::int64_t j, std::int64_t d, T* c, std::int64_t c_row, const GemmOptions<T>& options) {
    const std::int64_t panel = 2 * kernel_.lanes;
    const std::int64_t first_row = i * plan_.rows;
    const std::int64_t first_column = j * plan_.columns;
    const std::int64_t last_column = std::min(n_, first_column + plan_.columns);
    const std::int64_t end_depth = std::min(depth_, (d + 1) * plan_.depth);
    kernels::GemmPanel<T> args{};
    args.rows = std::min(plan_.rows, m_ - first_row);
    args.c_row = c_row;
    args.add = options.add;
    for (std::int64_t begin = d * plan_.depth; begin < end_depth; begin += plan_.chunk) {
      args.depth = std::min(plan_.chunk, end_depth - begin);
      if (rows_ != nullptr) {
        args.a = rows_ + m_ * begin;
      } else {
        T* const rows = parallel::scratch<T>(1, args.rows * args.depth);
        pack_rows(first_row, args.rows, begin, args.depth, rows);
        args.a = rows;
      }
      for (std::int64_t column = first_column; column < last_column; column += panel) {
        args.b = packed_ + column * depth_ + begin * panel_width(column);
        args.columns = std::min(panel, last_column - column);
        args.c = c + first_row * c_row + column;
        args.bias = options.bias == nullptr ? nullptr : options.bias + column;
        kernel_.multiply(args);
      }
      args.add = true;
    }
  }

  void finish(const T* sum, T* c, std::int64_t c_row, const GemmOptions<T>& options) {
    const auto add = kernels_of<T>().elementwise.add;
    for (std::int64_t i = 0; i < m_; ++i) {
      const T* const from = sum + i * n_;
      T* const to = c + i * c_row;
      if (options.add) add(from, to, to, n_);
      else if (options.bias != nullptr) add(from, options.bias, to, n_);
      else std::copy(from, from + n_, to);
    }
  }

  const kernels::Gemm<T>& kernel_;
  std::int64_t m_, n_, k_, depth_;
  Strided<T> a_, b_;
  Plan plan_;
  const T* packed_ = nullptr;
  const T* rows_ = nullptr;  // all rows, packed chunk by chunk, where several blocks of columns share them
};

}  // namespace

template <class T>
void gemm(std::int64_t m, std::int64_t n, std::int64_t k, const Strided<T>& a, const Strided<T>& b, T* c,
          std::int64_t c_row, const GemmOptions<T>& options) {
  if (m == 0 || n == 0) return;
  if (k > 0) {
    Product<T>(m, n, k, a, b, options.over_batch).run(c, c_row, options);
    return;
  }
  if (options.add) return;
  for (std::int64_t i = 0; i < m; ++i) {
    if (options.bias == nullptr) std::fill_n(c + i * c_row, n, T(0));
    else std::copy_n(options.bias, n, c + i * c_row);
  }
}

template <class T>
std::int64_t packed_factor(std::int64_t n, std::int64_t k) {
  return Product<T>(1, n, k, {}, {}, false).packed_size();
}

template <class T>
void pack_factor(std::int64_t n, std::int64_t k, const Strided<T>& b, T* out) {
  Product<T>(1, n, k, {}, b, false).pack_b(out);
}

template std::int64_t packed_factor<float>(std::int64_t, std::int64_t);
template std::int64_t packed_factor<double>(std::int64_t, std::int64_t);
template void pack_factor(std::int64_t, std::int64_t, const Strided<float>&, float*);
template void pack_factor(std::int64_t, std::int64_t, const Strided<double>&, double*);
template void gemm(std::int64_t, std::int64_t, std::int64_t, const Strided<float>&, const Strided<float>&, float*,
                   std::int64_t, const GemmOptions<float>&);
template void gemm(std::int64_t, std::int64_t, std::int64_t, const Strided<double>&, const Strided<double>&, double*,
                   std::int64_t, const GemmOptions<double>&);

Tensor matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b) {
  return matmul(a, transpose_a, b, transpose_b, {});
}

Tensor matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, const Tensor& bias) {
  require_defined("matmul", "left factor", a);
  require_defined("matmul", "right factor", b);
  require_same_dtype("matmul", a, b);
  const auto flag = [](bool transposed) { return transposed ? " transposed" : ""; };
  const auto got = [&] { return text(a.shape(), flag(transpose_a), " x ", b.shape(), flag(transpose_b)); };
  if (a.rank() != 2 || b.rank() != 2) fail("matmul", got(), "two matrices");
  const std::int64_t m = a.dim(transpose_a ? 1 : 0), k = a.dim(transpose_a ? 0 : 1), n = b.dim(transpose_b ? 0 : 1);
  if (b.dim(transpose_b ? 1 : 0) != k) fail("matmul", got(), "equal inner dimensions");
  if (bias.defined()) {
    require_same_dtype("matmul", a, bias);
    if (!(bias.shape() == Shape{n})) fail("matmul", text("bias ", bias.shape()), text("[", n, "]"));
  }
  Tensor c({m, n}, a.dtype());
  dispatch("matmul", a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto view = [](const Tensor& t, bool transposed) {
      const std::int64_t pitch = t.dim(1);
      return transposed ? Strided<T>{t.data<T>(), 1, pitch} : Strided<T>{t.data<T>(), pitch, 1};
    };
    gemm<T>(m, n, k, view(a, transpose_a), view(b, transpose_b), c.mutable_data<T>(), n,
            {.bias = bias.defined() ? bias.data<T>() : nullptr, .over_batch = transpose_a});
  });
  return c;
}

}  // namespace ebb
