#include "framework/ops/arithmetic.h"

#include <cmath>

#include "framework/autograd/repeat.h"
#include "framework/compute/basic.h"
#include "framework/compute/broadcast.h"
#include "framework/compute/relu.h"
#include "framework/compute/strided.h"
#include "framework/ops/map.h"
#include "framework/ops/unary.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

// A number as an operand of rank 0, of the type of `like`.
Var constant(const char* op, double value, const Var& like) {
  require_defined(op, "x", like.value());
  return Tensor::scalar(value, like.dtype());
}

Tensor scaled(const Tensor& x, double alpha) { return binary("mul", Binary::mul, x, Tensor::scalar(alpha, x.dtype())); }

// condition ? a : b for three tensors of one shape.
Tensor select(const Tensor& condition, const Tensor& a, const Tensor& b) {
  Tensor y(a.shape(), a.dtype());
  dispatch("where", a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::uint8_t* const c = condition.data<std::uint8_t>();
    const T* const p = a.data<T>();
    const T* const q = b.data<T>();
    T* const to = y.mutable_data<T>();
    parallel::for_blocks(y.size(), elementwise_block, [&](std::int64_t begin, std::int64_t end) {
      kernels_of<T>().elementwise.select(c + begin, p + begin, q + begin, to + begin, end - begin);
    });
  });
  return y;
}

}  // namespace

Var add(const Var& a, const Var& b) {
  Tensor y = binary("add", Binary::add, a.value(), b.value());
  return repeatable(record("add", {a, b}, std::move(y),
                           [](const Tensor& dy, InputGrads& dx) {
                             for (int i = 0; i < 2; ++i)
                               if (dx.wants(i)) dx.add(i, sum_to(dy, dx.shape(i)));
                           }),
                    [](std::span<const Var> in) { return add(in[0], in[1]); });
}

Var sub(const Var& a, const Var& b) {
  Tensor y = binary("sub", Binary::sub, a.value(), b.value());
  return repeatable(record("sub", {a, b}, std::move(y),
                           [](const Tensor& dy, InputGrads& dx) {
                             if (dx.wants(0)) dx.add(0, sum_to(dy, dx.shape(0)));
                             if (dx.wants(1)) dx.add(1, scaled(sum_to(dy, dx.shape(1)), -1.0));
                           }),
                    [](std::span<const Var> in) { return sub(in[0], in[1]); });
}

Var mul(const Var& a, const Var& b) {
  Tensor y = binary("mul", Binary::mul, a.value(), b.value());
  return repeatable(record("mul", {a, b}, std::move(y),
                           [a = Saved(a.value()), b = Saved(b.value())](const Tensor& dy, InputGrads& dx) {
                             if (dx.wants(0)) dx.add(0, sum_to(binary("mul", Binary::mul, dy, *b), dx.shape(0)));
                             if (dx.wants(1)) dx.add(1, sum_to(binary("mul", Binary::mul, dy, *a), dx.shape(1)));
                           }),
                    [](std::span<const Var> in) { return mul(in[0], in[1]); });
}

Var div(const Var& a, const Var& b) {
  Tensor y = binary("div", Binary::div, a.value(), b.value());
  return repeatable(record("div", {a, b}, y,
                           [y = Saved(y), b = Saved(b.value())](const Tensor& dy, InputGrads& dx) {
                             const Tensor da = binary("div", Binary::div, dy, *b);
                             if (dx.wants(0)) dx.add(0, sum_to(da, dx.shape(0)));
                             if (dx.wants(1))
                               dx.add(1, scaled(sum_to(binary("mul", Binary::mul, da, *y), dx.shape(1)), -1.0));
                           }),
                    [](std::span<const Var> in) { return div(in[0], in[1]); });
}

Var add(const Var& a, double b) { return add(a, constant("add", b, a)); }
Var mul(const Var& a, double b) { return mul(a, constant("mul", b, a)); }
Var operator-(double a, const Var& b) { return sub(constant("sub", a, b), b); }
Var operator/(double a, const Var& b) { return div(constant("div", a, b), b); }
Var neg(const Var& x) { return mul(x, -1.0); }

Var exp(const Var& x) {
  return unary("exp", x, Keep::output, Cost::transcendental, [](const auto& k) { return k.exp; });
}

Var log(const Var& x) {
  return unary("log", x, Keep::input, Cost::transcendental, [](const auto& k) { return k.log; });
}

Var sqrt(const Var& x) {
  return unary("sqrt", x, Keep::output, Cost::cheap, [](const auto& k) { return k.sqrt; });
}

Var square(const Var& x) {
  return unary("square", x, Keep::input, Cost::cheap, [](const auto& k) { return k.square; });
}

Var pow(const Var& x, double exponent) {
  if (exponent == 2.0) return square(x);
  require_defined("pow", "x", x.value());
  Tensor y = map(x.value(), [exponent](auto v) { return std::pow(v, static_cast<decltype(v)>(exponent)); });
  return repeatable(record({"pow", {{"exponent", exponent}}}, {x}, std::move(y),
                           [x = Saved(x.value()), exponent](const Tensor& dy, InputGrads& dx) {
                             dx.add(0, map(*x, dy, [exponent](auto v, auto up) {
                                      using T = decltype(v);
                                      if (exponent == 0.0) return T(0);
                                      return up * static_cast<T>(exponent) *
                                             std::pow(v, static_cast<T>(exponent - 1.0));
                                    }));
                           }),
                    [exponent](std::span<const Var> in) { return pow(in[0], exponent); });
}

Var abs(const Var& x) {
  return unary("abs", x, Keep::input, Cost::cheap, [](const auto& k) { return k.abs; });
}

Var clamp(const Var& x, double low, double high) {
  if (!(low <= high)) fail("clamp", text("low ", low, " and high ", high), "low <= high");
  return unary("clamp", x, Keep::input, Cost::cheap, [](const auto& k) { return k.clamp; },
               {{"low", low}, {"high", high}});
}

Var where(const Tensor& condition, const Var& a, const Var& b) {
  require_defined("where", "condition", condition);
  require_defined("where", "a", a.value());
  require_defined("where", "b", b.value());
  require_same_dtype("where", a.value(), b.value());
  if (condition.dtype() != DType::u8)
    fail("where", text("a condition of type ", condition.dtype()), "u8, where 0 is false");
  const Shape shape = broadcast("where", condition.shape(), broadcast("where", a.shape(), b.shape()));
  const Tensor chosen = expand("where", condition, shape);
  Tensor y = select(chosen, expand("where", a.value(), shape), expand("where", b.value(), shape));
  Var result = record("where", {a, b}, std::move(y), [chosen = Saved(chosen)](const Tensor& dy, InputGrads& dx) {
    const Tensor zeros = Tensor::zeros(dy.shape(), dy.dtype());
    if (dx.wants(0)) dx.add(0, sum_to(select(*chosen, dy, zeros), dx.shape(0)));
    if (dx.wants(1)) dx.add(1, sum_to(select(*chosen, zeros, dy), dx.shape(1)));
  });
  if (detail::op_observer != nullptr && result.tracked())
    detail::op_observer->repeat({.again = {}, .convolution = {}, .channel_map = {}, .condition = condition});
  return result;
}

Var add_relu(const Var& a, const Var& b) {
  require_defined("add_relu", "a", a.value());
  require_defined("add_relu", "b", b.value());
  require_same_shape("add_relu", a.value(), b.value());
  require_same_dtype("add_relu", a.value(), b.value());
  Tensor y(a.shape(), a.dtype());
  dispatch("add_relu", a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const p = a.value().data<T>();
    const T* const q = b.value().data<T>();
    T* const to = y.mutable_data<T>();
    parallel::for_blocks(y.size(), elementwise_block, [&](std::int64_t begin, std::int64_t end) {
      kernels_of<T>().elementwise.add_relu(p + begin, q + begin, to + begin, end - begin);
    });
  });
  return repeatable(record("add_relu", {a, b}, y,
                           [y = Saved(y)](const Tensor& dy, InputGrads& dx) {
                             Tensor gradient = relu_gradient(*y, dy);
                             dx.add(0, gradient);
                             dx.add(1, std::move(gradient));
                           }),
                    [](std::span<const Var> in) { return add_relu(in[0], in[1]); });
}

}  // namespace ebb
