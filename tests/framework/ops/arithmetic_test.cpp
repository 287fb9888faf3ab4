#include "framework/ops/arithmetic.h"

#include <boost/test/unit_test.hpp>
#include <cfloat>
#include <limits>
#include <xtensor/xarray.hpp>
#include <xtensor/xmath.hpp>

#include "framework/tensor/xview.h"
#include "tests/support/errors.h"
#include "tests/support/ops.h"

namespace ebb::arithmetic_test {
namespace {

using test::close;
using test::fails_with;
using test::gradient_of;
using test::same_bits;
using test::same_on_all_threads;
using test::with_gradients;

template <class T>
Tensor tensor_of(const xt::xarray<T>& array, const Shape& shape) {
  return Tensor::from(std::span<const T>(array.data(), array.size()), shape);
}

Tensor numbers(std::initializer_list<double> values) {
  return Tensor::from(values, {static_cast<std::int64_t>(values.size())});
}

// Pairs of shapes that broadcast: every pattern of the row kernels, narrow and wide, and sizes of several blocks.
const std::vector<std::pair<Shape, Shape>>& shapes() {
  static const std::vector<std::pair<Shape, Shape>> all{
      {{}, {}},
      {{3}, {}},
      {{}, {2, 5}},
      {{4, 5}, {4, 5}},
      {{70, 3}, {3}},
      {{3}, {70, 3}},
      {{90, 17}, {90, 1}},
      {{90, 1}, {1, 17}},
      {{33, 1}, {33, 100}},
      {{5, 100}, {100}},
      {{2, 3, 1, 5}, {1, 3, 4, 1}},
      {{2, 1, 4, 1, 3}, {5, 1, 2, 3}},
      {{2, 1, 3, 1, 2, 1}, {1, 4, 1, 3, 1, 2}},
      {{1, 1, 1}, {2, 1, 3}},
      {{600, 64}, {64}},
      {{3, 40000}, {40000}},
      {{40000}, {3, 1}},
      {{7, 9, 11, 13}, {7, 1, 1, 13}},
      {{0, 3}, {3}},
  };
  return all;
}

template <class T>
void check_values() {
  for (const auto& [a_shape, b_shape] : shapes()) {
    const Tensor a = test::random(a_shape, 1, -2, 2, dtype_of<T>());
    const Tensor b = test::random(b_shape, 2, 0.5, 2, dtype_of<T>());
    const Shape shape = broadcast("test", a_shape, b_shape);
    const xt::xarray<T> p = xview<T>(a);
    const xt::xarray<T> q = xview<T>(b);
    const xt::xarray<T> total = p + q;
    const xt::xarray<T> difference = p - q;
    const xt::xarray<T> product = p * q;
    const xt::xarray<T> quotient = p / q;
    BOOST_TEST_CONTEXT(a_shape << " and " << b_shape) {
      BOOST_TEST(same_bits(add(a, b).value(), tensor_of<T>(total, shape)));
      BOOST_TEST(same_bits(sub(a, b).value(), tensor_of<T>(difference, shape)));
      BOOST_TEST(same_bits(mul(a, b).value(), tensor_of<T>(product, shape)));
      BOOST_TEST(same_bits(div(a, b).value(), tensor_of<T>(quotient, shape)));
    }
  }
}

BOOST_AUTO_TEST_SUITE(arithmetic)

BOOST_AUTO_TEST_CASE(values_with_broadcasting_f32) { check_values<float>(); }
BOOST_AUTO_TEST_CASE(values_with_broadcasting_f64) { check_values<double>(); }

BOOST_AUTO_TEST_CASE(values_on_every_instruction_set) {
  for (const std::string& name : instruction_sets()) {
    const test::InstructionSet use(name);
    BOOST_TEST_CONTEXT(name) { check_values<float>(); }
  }
}

// Sums over what was broadcast, against a plain loop.
BOOST_AUTO_TEST_CASE(gradients_with_broadcasting) {
  for (const auto& [a_shape, b_shape] : shapes()) {
    const Shape shape = broadcast("test", a_shape, b_shape);
    const Tensor up = test::random(shape, 3, -1, 1, DType::f64);
    const std::vector<Tensor> got =
        with_gradients([](std::span<const Var> in) { return add(in[0], in[1]); },
                       {Tensor::zeros(a_shape, DType::f64), Tensor::zeros(b_shape, DType::f64)}, up);
    for (std::size_t i = 0; i < 2; ++i) {
      const Shape& mine = i == 0 ? a_shape : b_shape;
      Tensor want = Tensor::zeros(mine, DType::f64);
      for (std::int64_t at = 0; at < shape.size(); ++at) {
        std::int64_t rest = at;
        std::int64_t to = 0;
        std::int64_t step = 1;
        for (int back = 1; back <= shape.rank(); ++back) {
          if (back <= mine.rank()) {
            to += mine[-back] == 1 ? 0 : rest % shape[-back] * step;
            step *= mine[-back];
          }
          rest /= shape[-back];
        }
        want.mutable_data<double>()[to] += up.data<double>()[at];
      }
      BOOST_TEST(close(got[i + 1], want, 1e-13, 1e-13), a_shape << " and " << b_shape << ", argument " << i);
    }
  }
}

BOOST_AUTO_TEST_CASE(numbers_as_operands) {
  const Tensor x = numbers({1, -2, 4});
  BOOST_TEST(same_bits((x + 0.5).value(), numbers({1.5, -1.5, 4.5})));
  BOOST_TEST(same_bits((0.5 + Var(x)).value(), numbers({1.5, -1.5, 4.5})));
  BOOST_TEST(same_bits((Var(x) - 0.5).value(), numbers({0.5, -2.5, 3.5})));
  BOOST_TEST(same_bits((0.5 - Var(x)).value(), numbers({-0.5, 2.5, -3.5})));
  BOOST_TEST(same_bits((Var(x) * 3.0).value(), numbers({3, -6, 12})));
  BOOST_TEST(same_bits((3.0 * Var(x)).value(), numbers({3, -6, 12})));
  BOOST_TEST(same_bits((Var(x) / 4.0).value(), numbers({0.25, -0.5, 1})));
  BOOST_TEST(same_bits((4.0 / Var(x)).value(), numbers({4, -2, 1})));
  BOOST_TEST(same_bits((-Var(x)).value(), numbers({-1, 2, -4})));
  BOOST_TEST(same_bits(neg(x).value(), numbers({-1, 2, -4})));
}

BOOST_AUTO_TEST_CASE(functions) {
  const Tensor x = numbers({0.25, 1, 4});
  BOOST_TEST(close(exp(x).value(), numbers({std::exp(0.25), std::exp(1.0), std::exp(4.0)}), 1e-15));
  BOOST_TEST(close(log(x).value(), numbers({std::log(0.25), 0, std::log(4.0)}), 1e-15));
  BOOST_TEST(same_bits(sqrt(x).value(), numbers({0.5, 1, 2})));
  BOOST_TEST(same_bits(square(x).value(), numbers({0.0625, 1, 16})));
  BOOST_TEST(same_bits(pow(x, 2).value(), numbers({0.0625, 1, 16})));
  BOOST_TEST(same_bits(pow(x, -0.5).value(), numbers({2, 1, 0.5})));
  BOOST_TEST(same_bits(pow(numbers({-2, 0, 3}), 3).value(), numbers({-8, 0, 27})));
  BOOST_TEST(same_bits(pow(numbers({-2, 0, 3}), 0).value(), numbers({1, 1, 1})));
  BOOST_TEST(same_bits(abs(numbers({-3, 0, 2})).value(), numbers({3, 0, 2})));
  BOOST_TEST(same_bits(clamp(numbers({-3, 0, 2}), -1, 1).value(), numbers({-1, 0, 1})));
}

BOOST_AUTO_TEST_CASE(gradients_at_kinks) {
  const double infinity = std::numeric_limits<double>::infinity();
  BOOST_TEST(same_bits(gradient_of([](const Var& x) { return abs(x); }, numbers({-2, 0, 2})), numbers({-1, 0, 1})));
  BOOST_TEST(same_bits(gradient_of([](const Var& x) { return clamp(x, -1, 2); }, numbers({-1.5, -1, 0, 2, 2.5})),
                       numbers({0, 1, 1, 1, 0})));
  BOOST_TEST(same_bits(gradient_of([](const Var& x) { return sqrt(x); }, numbers({0, 4})), numbers({infinity, 0.25})));
  BOOST_TEST(same_bits(gradient_of([](const Var& x) { return pow(x, 0); }, numbers({0, 4})), numbers({0, 0})));
  BOOST_TEST(same_bits(gradient_of([](const Var& x) { return pow(x, 1); }, numbers({0, 4})), numbers({1, 1})));
  BOOST_TEST(same_bits(gradient_of(
                           [](const Var& x) {
                             return add_relu(x, numbers({1, 1, 1}));
                           },
                           numbers({-2, -1, 0})),
                       numbers({0, 0, 1})));
}

BOOST_AUTO_TEST_CASE(nan_stays_nan) {
  for (const std::string& name : instruction_sets()) {
    const test::InstructionSet use(name);
    for (const DType dtype : {DType::f32, DType::f64}) {
      const Var x = cast(numbers({std::nan(""), 1}), dtype);
      for (const Var& y :
           {x + 1.0, abs(x), clamp(x, -1, 1), add_relu(x, x), exp(x), log(x), sqrt(x), square(x), pow(x, 3)})
        BOOST_TEST(std::isnan(y.value().at({0})), name << ' ' << dtype);
    }
  }
}

BOOST_AUTO_TEST_CASE(where_chooses) {
  const Tensor condition = Tensor::from<std::uint8_t>({1, 0, 255}, {3});
  BOOST_TEST(same_bits(where(condition, numbers({1, 2, 3}), numbers({4, 5, 6})).value(), numbers({1, 5, 3})));
  const Tensor column = Tensor::from<std::uint8_t>({0, 1}, {2, 1});
  const Tensor want = Tensor::from({7.0, 7.0, 7.0, 1.0, 2.0, 3.0}, {2, 3});
  BOOST_TEST(same_bits(where(column, numbers({1, 2, 3}), Tensor::scalar(7, DType::f64)).value(), want));
}

BOOST_AUTO_TEST_CASE(where_does_not_let_the_other_branch_through) {
  // The gradient of what was not chosen is 0, even where its own would be NaN.
  const Tensor condition = Tensor::from<std::uint8_t>({1, 0}, {2});
  const Tensor got = gradient_of(
      [&](const Var& x) {
        return where(condition, x * 2.0, numbers({5, 5}));
      },
      numbers({1, 1}));
  BOOST_TEST(same_bits(got, numbers({2, 0})));
}

BOOST_AUTO_TEST_CASE(errors) {
  const Tensor a = Tensor::zeros({2, 3});
  const Tensor b = Tensor::zeros({2, 4});
  BOOST_TEST(fails_with({"add", "[2, 3]", "[2, 4]", "broadcast"}, [&] { add(a, b); }));
  BOOST_TEST(fails_with({"sub", "[2, 3]"}, [&] { sub(a, b); }));
  BOOST_TEST(fails_with({"mul", "[2, 3]"}, [&] { mul(a, b); }));
  BOOST_TEST(fails_with({"div", "[2, 3]"}, [&] { div(a, b); }));
  BOOST_TEST(fails_with({"add", "f32", "f64"}, [&] { add(a, Tensor::zeros({2, 3}, DType::f64)); }));
  BOOST_TEST(fails_with({"mul", "i64"}, [] { mul(Tensor::zeros({2}, DType::i64), Tensor::zeros({2}, DType::i64)); }));
  BOOST_TEST(fails_with({"add", "undefined"}, [&] { add(a, Var()); }));
  BOOST_TEST(fails_with({"exp", "undefined"}, [] { exp(Var()); }));
  BOOST_TEST(fails_with({"exp", "u8"}, [] { exp(Tensor::zeros({2}, DType::u8)); }));
  BOOST_TEST(fails_with({"clamp", "low 2", "high 1"}, [&] { clamp(a, 2, 1); }));
  BOOST_TEST(fails_with({"clamp", "nan"}, [&] { clamp(a, std::nan(""), 1); }));
  BOOST_TEST(fails_with({"add_relu", "[2, 3]", "[2, 4]"}, [&] { add_relu(a, b); }));
  BOOST_TEST(fails_with({"add_relu", "f64"}, [&] { add_relu(a, Tensor::zeros({2, 3}, DType::f64)); }));
  BOOST_TEST(fails_with({"where", "f32", "u8"}, [&] { where(a, a, a); }));
  BOOST_TEST(fails_with({"where", "[4]"}, [&] { where(Tensor::zeros({4}, DType::u8), a, a); }));
}

BOOST_AUTO_TEST_CASE(same_bits_on_all_threads) {
  const Tensor x = test::random({300, 170}, 1);
  const Tensor y = test::random({170}, 2, 0.5, 2);
  BOOST_TEST(same_on_all_threads([&] {
    return with_gradients([](std::span<const Var> in) { return exp(in[0] * in[1]) / in[1] + add_relu(in[0], in[0]); },
                          {x, y});
  }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::arithmetic_test
