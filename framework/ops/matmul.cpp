#include "framework/ops/matmul.h"

#include <algorithm>

#include "framework/compute/broadcast.h"
#include "framework/compute/gemm.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

using kernels::Strided;

constexpr std::int64_t block_work = 1 << 20;  // multiply-adds worth a parallel block
constexpr std::int64_t few_products = 8;      // fewer are computed one after the other, each in parallel

// Products of the last two axes of tensors of rank > 2 with equal leading axes.
Tensor batched(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b) {
  const std::int64_t a_rows = a.dim(-2), a_columns = a.dim(-1), b_rows = b.dim(-2), b_columns = b.dim(-1);
  const std::int64_t m = transpose_a ? a_columns : a_rows;
  const std::int64_t k = transpose_a ? a_rows : a_columns;
  const std::int64_t n = transpose_b ? b_rows : b_columns;
  Tensor c(a.shape().with(-2, m).with(-1, n), a.dtype());
  if (c.size() == 0) return c;
  const std::int64_t products = c.size() / (m * n);
  dispatch("matmul", a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const from_a = a.data<T>();
    const T* const from_b = b.data<T>();
    T* const to = c.mutable_data<T>();
    const auto product = [&](std::int64_t i) {
      const T* const left = from_a + i * m * k;
      const T* const right = from_b + i * k * n;
      gemm<T>(m, n, k, transpose_a ? Strided<T>{left, 1, m} : Strided<T>{left, k, 1},
              transpose_b ? Strided<T>{right, 1, k} : Strided<T>{right, n, 1}, to + i * m * n, n);
    };
    if (products < few_products) {
      for (std::int64_t i = 0; i < products; ++i) product(i);
      return;
    }
    const std::int64_t block = std::max<std::int64_t>(1, block_work / std::max<std::int64_t>(1, m * n * k));
    parallel::for_blocks(products, block, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) product(i);
    });
  });
  return c;
}

Tensor product(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b) {
  return a.rank() == 2 ? matmul(a, transpose_a, b, transpose_b) : batched(a, transpose_a, b, transpose_b);
}

void check_matmul(const Var& a, const Var& b) {
  require_defined("matmul", "left factor", a.value());
  require_defined("matmul", "right factor", b.value());
  require_same_dtype("matmul", a.value(), b.value());
  const auto got = [&] { return text(a.shape(), " x ", b.shape()); };
  if (a.rank() < 2 || a.rank() != b.rank())
    fail("matmul", got(), "two factors of one rank, at least 2", "reshape() or expand the smaller one");
  for (int axis = 0; axis + 2 < a.rank(); ++axis)
    if (a.dim(axis) != b.dim(axis))
      fail("matmul", got(), text("equal sizes of axis ", axis), "leading axes are not broadcast");
  if (a.dim(-1) != b.dim(-2))
    fail("matmul", got(), "as many columns of the left factor as rows of the right one",
         "transpose() the factor that lies the other way");
}

}  // namespace

Var matmul(const Var& a, const Var& b) {
  check_matmul(a, b);
  if (!is_float(a.dtype())) fail("matmul", text("factors of type ", a.dtype()), "f32 or f64", "cast() them");
  Tensor c = product(a.value(), false, b.value(), false);
  return record("matmul", {a, b}, std::move(c),
                [a = Saved(a.value()), b = Saved(b.value())](const Tensor& dy, InputGrads& dx) {
                  if (dx.wants(0)) dx.add(0, product(dy, false, *b, true));
                  if (dx.wants(1)) dx.add(1, product(*a, true, dy, false));
                });
}

Var linear(const Var& x, const Var& weight, const Var& bias) {
  require_defined("linear", "input", x.value());
  require_defined("linear", "weight", weight.value());
  require_same_dtype("linear", x.value(), weight.value());
  if (!is_float(x.dtype())) fail("linear", text("an input of type ", x.dtype()), "f32 or f64", "cast() it");
  if (weight.rank() != 2) fail("linear", text("weight ", weight.shape()), "[in, out]");
  const std::int64_t in = weight.dim(0);
  const std::int64_t out = weight.dim(1);
  if (x.rank() < 1 || x.dim(-1) != in)
    fail("linear", text("input ", x.shape(), " for weight ", weight.shape()), text("a last axis of ", in),
         "flatten() images first, or set the layer's `in` to the last axis of its input");
  const bool biased = bias.value().defined();
  if (biased) {
    require_same_dtype("linear", x.value(), bias.value());
    if (!(bias.shape() == Shape{out})) fail("linear", text("bias ", bias.shape()), text("[", out, "]"));
  }
  std::int64_t rows = 1;
  for (int axis = 0; axis + 1 < x.rank(); ++axis) rows *= x.dim(axis);
  Tensor y = matmul(x.value().reshape({rows, in}), false, weight.value(), false, bias.value());
  const auto backward = [x = Saved(x.value()), weight = Saved(weight.value()), rows, in, out, biased](const Tensor& dy,
                                                                                                      InputGrads& dx) {
    const Tensor flat = dy.reshape({rows, out});
    if (dx.wants(0)) dx.add(0, matmul(flat, false, *weight, true).reshape(x->shape()));
    if (dx.wants(1)) dx.add(1, matmul(x->reshape({rows, in}), true, flat, false));
    if (biased && dx.wants(2)) dx.add(2, sum_to(flat, {out}));
  };
  y = y.reshape(x.shape().with(-1, out));
  if (biased) return record("linear", {x, weight, bias}, std::move(y), backward);
  return record("linear", {x, weight}, std::move(y), backward);
}

}  // namespace ebb
