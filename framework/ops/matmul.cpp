#include "framework/ops/matmul.h"

#include <algorithm>

#include "framework/autograd/repeat.h"
#include "framework/compute/blocks.h"
#include "framework/compute/broadcast.h"
#include "framework/compute/gemm.h"
#include "framework/compute/strided.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

using kernels::Strided;

constexpr std::int64_t few_products = 8;  // fewer are computed one after the other, each in parallel

// The axes before the last two.
Shape batch_of(const Tensor& x) { return Shape(x.shape().dims().first(static_cast<std::size_t>(x.rank() - 2))); }

// Which matrix of a factor each product of `batch` takes, in matrices; undefined where product i takes matrix i.
Tensor matrices_of(const Tensor& factor, const Shape& batch) {
  const Shape own = batch_of(factor);
  if (own == batch) return {};
  Tensor numbers(own, DType::i64);
  std::int64_t i = 0;
  for (std::int64_t& number : numbers.mutable_span<std::int64_t>()) number = i++;
  return expand("matmul", numbers, batch);
}

// Products of the last two axes; those before broadcast.
Tensor batched(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b) {
  const std::int64_t a_rows = a.dim(-2), a_columns = a.dim(-1), b_rows = b.dim(-2), b_columns = b.dim(-1);
  const std::int64_t m = transpose_a ? a_columns : a_rows;
  const std::int64_t k = transpose_a ? a_rows : a_columns;
  const std::int64_t n = transpose_b ? b_rows : b_columns;
  const Shape batch = broadcast("matmul", batch_of(a), batch_of(b));
  Tensor c(batch.insert(batch.rank(), m).insert(batch.rank() + 1, n), a.dtype());
  if (c.size() == 0) return c;
  const Tensor left_of = matrices_of(a, batch), right_of = matrices_of(b, batch);
  const std::int64_t* const lefts = left_of.defined() ? left_of.data<std::int64_t>() : nullptr;
  const std::int64_t* const rights = right_of.defined() ? right_of.data<std::int64_t>() : nullptr;
  const std::int64_t products = batch.size();
  dispatch("matmul", a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const from_a = a.data<T>();
    const T* const from_b = b.data<T>();
    T* const to = c.mutable_data<T>();
    const auto product = [&](std::int64_t i) {
      const T* const left = from_a + (lefts == nullptr ? i : lefts[i]) * m * k;
      const T* const right = from_b + (rights == nullptr ? i : rights[i]) * k * n;
      gemm<T>(m, n, k, transpose_a ? Strided<T>{left, 1, m} : Strided<T>{left, k, 1},
              transpose_b ? Strided<T>{right, 1, k} : Strided<T>{right, n, 1}, to + i * m * n, n,
              {.over_batch = transpose_a});
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

// All matrices of x below each other.
Tensor stacked(const Tensor& x) {
  std::int64_t rows = 1;
  for (int axis = 0; axis + 1 < x.rank(); ++axis) rows *= x.dim(axis);
  return x.reshape({rows, x.dim(-1)});
}

// A batch of left factors and a single right one: one product of the left ones below each other.
Var stacked_matmul(const Var& a, const Var& b, const Shape& result) {
  Tensor c = matmul(stacked(a.value()), false, stacked(b.value()), false).reshape(result);
  return repeatable(record("matmul", {a, b}, std::move(c),
                           [a = Saved(a.value()), b = Saved(b.value())](const Tensor& dy, InputGrads& dx) {
                             const Tensor up = stacked(dy);
                             if (dx.wants(0)) dx.add(0, matmul(up, false, stacked(*b), true).reshape(a->shape()));
                             if (dx.wants(1)) dx.add(1, matmul(stacked(*a), true, up, false).reshape(b->shape()));
                           }),
                    [](std::span<const Var> in) { return matmul(in[0], in[1]); });
}

void check_matmul(const Var& a, const Var& b) {
  require_defined("matmul", "left factor", a.value());
  require_defined("matmul", "right factor", b.value());
  require_same_dtype("matmul", a.value(), b.value());
  const auto got = [&] { return text(a.shape(), " x ", b.shape()); };
  if (a.rank() < 2 || b.rank() < 2) fail("matmul", got(), "two factors of rank 2 or more", "reshape() the vector");
  if (a.dim(-1) != b.dim(-2))
    fail("matmul", got(), "as many columns of the left factor as rows of the right one",
         "transpose() the factor that lies the other way");
}

}  // namespace

Var matmul(const Var& a, const Var& b) {
  check_matmul(a, b);
  if (!is_float(a.dtype())) fail("matmul", text("factors of type ", a.dtype()), "f32 or f64", "cast() them");
  const Shape batch = broadcast("matmul", batch_of(a.value()), batch_of(b.value()));
  if (b.rank() == 2 ? a.rank() > 2 : batch_of(b.value()).size() == 1 && batch.size() > 1)
    return stacked_matmul(a, b, batch.insert(batch.rank(), a.dim(-2)).insert(batch.rank() + 1, b.dim(-1)));
  Tensor c = batched(a.value(), false, b.value(), false);
  return repeatable(record("matmul", {a, b}, std::move(c),
                           [a = Saved(a.value()), b = Saved(b.value())](const Tensor& dy, InputGrads& dx) {
                             if (dx.wants(0)) dx.add(0, sum_to(batched(dy, false, *b, true), a->shape()));
                             if (dx.wants(1)) dx.add(1, sum_to(batched(*a, true, dy, false), b->shape()));
                           }),
                    [](std::span<const Var> in) { return matmul(in[0], in[1]); });
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
  Tensor y = matmul(stacked(x.value()), false, weight.value(), false, bias.value());
  const auto backward = [x = Saved(x.value()), weight = Saved(weight.value()), out, biased](const Tensor& dy,
                                                                                            InputGrads& dx) {
    const Tensor flat = stacked(dy);
    if (dx.wants(0)) dx.add(0, matmul(flat, false, *weight, true).reshape(x->shape()));
    if (dx.wants(1)) dx.add(1, matmul(stacked(*x), true, flat, false));
    if (biased && dx.wants(2)) dx.add(2, sum_to(flat, {out}));
  };
  y = y.reshape(x.shape().with(-1, out));
  Var result = biased ? record("linear", {x, weight, bias}, std::move(y), backward)
                      : record("linear", {x, weight}, std::move(y), backward);
  return repeatable(std::move(result), [](std::span<const Var> given) {
    return linear(given[0], given[1], given.size() > 2 ? given[2] : Var());
  });
}

}  // namespace ebb
