#include "framework/ops/dropout.h"

#include <algorithm>
#include <cmath>

#include "framework/compute/instruction_set.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

constexpr const char* dropout_op = "dropout";

// The same for forward and backward: y = x or dx = dy with the elements of the mask, from number `first` on.
Tensor masked(const Tensor& x, double p, std::uint64_t key, std::int64_t first) {
  // p < 1 here, but p 2^32 may still round up to 2^32.
  const double words = std::min(std::nearbyint(p * 0x1p32), 0x1p32 - 1);
  const auto threshold = static_cast<std::uint32_t>(words);
  constexpr std::int64_t block = 8192, group = kernels::dropout_group;
  static_assert(block % group == 0);
  Tensor y(x.shape(), x.dtype());
  dispatch(dropout_op, x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const from = x.data<T>();
    T* const to = y.mutable_data<T>();
    const T factor = static_cast<T>(1 / (1 - p));
    const auto apply = [&](std::int64_t at, const T* in, T* out, std::int64_t n) {
      kernels_of<T>().dropout.apply(key, static_cast<std::uint64_t>(at), threshold, factor, in, out, n);
    };
    // Counted from the group of the mask in which x begins.
    const std::int64_t before = first % group, start = first - before;
    parallel::for_blocks(x.size() + before, block, [&](std::int64_t begin, std::int64_t end) {
      if (begin < before) {
        T part[group] = {};
        begin = std::min(group, end);
        std::copy_n(from, begin - before, part + before);
        apply(start, part, part, group);
        std::copy_n(part + before, begin - before, to);
      }
      apply(start + begin, from + begin - before, to + begin - before, end - begin);
    });
  });
  return y;
}

}  // namespace

Var dropout(const Var& x, double p, const Rng& rng, std::int64_t first) {
  require_defined(dropout_op, "input", x.value());
  if (!is_float(x.dtype()))
    fail(dropout_op, text("an input of type ", x.dtype()), "f32 or f64", "convert it with cast()");
  if (!(p >= 0 && p <= 1)) fail(dropout_op, text("p = ", p), "0 to 1", "p is the share of elements that become 0");
  if (first < 0) fail(dropout_op, text("a mask from element ", first, " on"), "0 or more");
  if (p == 0) return x;
  if (p == 1) {
    return record({dropout_op, {{"p", p}}}, {x}, Tensor::zeros(x.shape(), x.dtype()),
                  [](const Tensor& dy, InputGrads& dx) { dx.add(0, Tensor::zeros(dy.shape(), dy.dtype())); });
  }
  const std::uint64_t key = rng.key();
  return record({dropout_op, {{"p", p}}}, {x}, masked(x.value(), p, key, first),
                [p, key, first](const Tensor& dy, InputGrads& dx) { dx.add(0, masked(dy, p, key, first)); });
}

}  // namespace ebb
