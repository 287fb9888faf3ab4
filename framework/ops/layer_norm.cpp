#include <algorithm>

#include "framework/autograd/repeat.h"
#include "framework/compute/blocks.h"
#include "framework/ops/channel_map.h"
#include "framework/ops/normalization.h"
#include "framework/parallel/parallel.h"

namespace ebb {
namespace {

constexpr const char* layer_norm_op = "layer_norm";

// Rows of a parallel block: long enough that its partial sums of dscale and dshift are a small part of the traffic.
std::int64_t rows_with_sums(std::int64_t n) { return std::max<std::int64_t>(16, row_block(n)); }

// `statistics` holds mean and inverse deviation of each row, f64 [2, rows].
template <class T>
void backward(const Tensor& x, const Tensor& scale, const Tensor& statistics, const Tensor& dy, InputGrads& dx) {
  const std::int64_t n = x.dim(-1);
  const std::int64_t rows = x.size() / n;
  const std::int64_t block = rows_with_sums(n);
  const std::int64_t blocks = parallel::block_count(rows, block);
  const auto& kernels = kernels_of<T>().normalization;
  Tensor out;
  if (dx.wants(0)) out = Tensor(x.shape(), x.dtype());
  const T* const from = x.data<T>();
  const T* const up = dy.data<T>();
  T* const to = dx.wants(0) ? out.mutable_data<T>() : nullptr;
  const T* const gain = scale.defined() ? scale.data<T>() : nullptr;
  const double* const mean = statistics.data<double>();
  const bool sums = dx.wants(1) || dx.wants(2);
  T* const partial = parallel::scratch<T>(detail::partial_slot, sums ? std::max<std::int64_t>(1, blocks) * 2 * n : 1);
  if (sums) std::fill_n(partial, 2 * n, T(0));
  parallel::for_blocks(rows, block, [&](std::int64_t begin, std::int64_t end) {
    T* const mine = partial + begin / block * 2 * n;
    if (sums) std::fill_n(mine, 2 * n, T(0));
    kernels.rows_backward(from + begin * n, up + begin * n, to == nullptr ? nullptr : to + begin * n, end - begin, n,
                          gain, mean + begin, mean + rows + begin, sums ? mine : nullptr, sums ? mine + n : nullptr);
  });
  if (sums) {
    parallel::tree_sum_rows(partial, blocks, 2 * n);
    for (int input = 1; input <= 2; ++input)
      if (dx.wants(input))
        dx.add(input, Tensor::from(std::span<const T>(partial + (input - 1) * n, static_cast<std::size_t>(n)), {n}));
  }
  if (out.defined()) dx.add(0, std::move(out));
}

}  // namespace

Var layer_norm(const Var& x, const Var& scale, const Var& shift, double eps) {
  detail::require_normalizable(layer_norm_op, x.value(), 1, scale.value(), shift.value(), eps);
  const std::int64_t n = x.dim(-1);
  const std::int64_t rows = x.size() / n;
  Tensor y(x.shape(), x.dtype());
  Tensor statistics({2, rows}, DType::f64);
  dispatch(layer_norm_op, x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto& kernels = kernels_of<T>().normalization;
    const T* const from = x.value().data<T>();
    const T* const gain = scale.value().defined() ? scale.value().data<T>() : nullptr;
    const T* const bias = scale.value().defined() ? shift.value().data<T>() : nullptr;
    T* const to = y.mutable_data<T>();
    double* const mean = statistics.mutable_data<double>();
    parallel::for_blocks(rows, rows_with_sums(n), [&](std::int64_t begin, std::int64_t end) {
      kernels.rows_forward(from + begin * n, to + begin * n, end - begin, n, gain, bias, eps, mean + begin,
                           mean + rows + begin);
    });
  });
  return repeatable(
      record({layer_norm_op, {{"eps", eps}}}, {x, scale, shift}, std::move(y),
             [x = Saved(x.value()), scale = Saved(scale.value()), statistics](const Tensor& dy, InputGrads& dx) {
               dispatch(layer_norm_op, dy.dtype(),
                        [&](auto zero) { backward<decltype(zero)>(*x, *scale, statistics, dy, dx); });
             }),
      [eps](std::span<const Var> in) { return layer_norm(in[0], in[1], in[2], eps); });
}

}  // namespace ebb
