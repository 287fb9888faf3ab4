#include "framework/ops/dropout.h"

#include <algorithm>
#include <cmath>

#include "framework/compute/instruction_set.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

constexpr const char* dropout_op = "dropout";

// The same for forward and backward: y = x or dx = dy with the elements of the mask.
Tensor masked(const Tensor& x, double p, std::uint64_t key) {
  // p < 1 here, but p 2^32 may still round up to 2^32.
  const double words = std::min(std::nearbyint(p * 0x1p32), 0x1p32 - 1);
  const auto threshold = static_cast<std::uint32_t>(words);
  constexpr std::int64_t block = 8192;
  static_assert(block % kernels::dropout_group == 0);
  Tensor y(x.shape(), x.dtype());
  dispatch(dropout_op, x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const from = x.data<T>();
    T* const to = y.mutable_data<T>();
    const T factor = static_cast<T>(1 / (1 - p));
    parallel::for_blocks(x.size(), block, [&](std::int64_t begin, std::int64_t end) {
      kernels_of<T>().dropout.apply(key, static_cast<std::uint64_t>(begin), threshold, factor, from + begin, to + begin,
                                    end - begin);
    });
  });
  return y;
}

}  // namespace

Var dropout(const Var& x, double p, const Rng& rng) {
  require_defined(dropout_op, "input", x.value());
  if (!is_float(x.dtype()))
    fail(dropout_op, text("an input of type ", x.dtype()), "f32 or f64", "convert it with cast()");
  if (!(p >= 0 && p <= 1)) fail(dropout_op, text("p = ", p), "0 to 1", "p is the share of elements that become 0");
  if (p == 0) return x;
  if (p == 1) {
    return record({dropout_op, {{"p", p}}}, {x}, Tensor::zeros(x.shape(), x.dtype()),
                  [](const Tensor& dy, InputGrads& dx) { dx.add(0, Tensor::zeros(dy.shape(), dy.dtype())); });
  }
  const std::uint64_t key = rng.key();
  return record({dropout_op, {{"p", p}}}, {x}, masked(x.value(), p, key),
                [p, key](const Tensor& dy, InputGrads& dx) { dx.add(0, masked(dy, p, key)); });
}

}  // namespace ebb
