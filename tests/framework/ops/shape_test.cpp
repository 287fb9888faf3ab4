#include "framework/ops/shape.h"

#include <boost/test/unit_test.hpp>
#include <numeric>

#include "framework/compute/strided.h"
#include "tests/support/errors.h"
#include "tests/support/ops.h"

namespace ebb {
namespace {

using test::fails_with;
using test::gradient_of;
using test::same_bits;
using test::same_on_all_threads;

// 0, 1, 2, ... under this shape.
Tensor counted(const Shape& shape, DType dtype = DType::f32) {
  Tensor out(shape, DType::i64);
  std::iota(out.mutable_span<std::int64_t>().begin(), out.mutable_span<std::int64_t>().end(), std::int64_t{0});
  return cast(out, dtype);
}

// The definition of a permutation, element by element.
Tensor permuted(const Tensor& x, const std::vector<int>& order) {
  Shape shape = x.shape();
  for (int i = 0; i < x.rank(); ++i) shape = shape.with(i, x.dim(order[static_cast<std::size_t>(i)]));
  const Strides strides = contiguous_strides(x.shape());
  Tensor out(shape, DType::f64);
  const std::vector<double> from = test::values(x);
  for (std::int64_t at = 0; at < x.size(); ++at) {
    std::int64_t rest = at;
    std::int64_t source = 0;
    for (int i = x.rank(); i-- > 0;) {
      source += rest % shape[i] * strides[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])];
      rest /= shape[i];
    }
    out.mutable_data<double>()[at] = from[static_cast<std::size_t>(source)];
  }
  return cast(out, x.dtype());
}

BOOST_AUTO_TEST_SUITE(shape_ops)

BOOST_AUTO_TEST_CASE(reshape_is_free) {
  const Tensor x = counted({2, 6});
  BOOST_TEST(reshape(x, {3, -1}).shape() == (Shape{3, 4}));
  BOOST_TEST(reshape(x, {3, -1}).value().shares(x));
  BOOST_TEST(flatten(counted({2, 3, 4, 5})).shape() == (Shape{2, 60}));
  BOOST_TEST(flatten(counted({2, 3, 4, 5}), 2).shape() == (Shape{2, 3, 20}));
  BOOST_TEST(flatten(counted({2, 3, 4, 5}), 0).shape() == Shape{120});
  BOOST_TEST(flatten(x).value().shares(x));
  BOOST_TEST(fails_with({"[2, 6]"}, [&] { reshape(x, {5, -1}); }));
  BOOST_TEST(fails_with({"[2, 6]", "[7]"}, [&] { reshape(x, Shape{7}); }));
  BOOST_TEST(fails_with({"flatten"}, [&] { flatten(x, 2); }));
  BOOST_TEST(fails_with({"flatten", "undefined"}, [&] { flatten(Var()); }));
}

BOOST_AUTO_TEST_CASE(transpose_moves_axes) {
  const std::vector<std::pair<Shape, std::vector<int>>> all{
      {{2, 3}, {1, 0}},
      {{1, 7}, {1, 0}},
      {{65, 33}, {1, 0}},
      {{200, 300}, {1, 0}},
      {{3, 34, 67}, {0, 2, 1}},
      {{3, 34, 67}, {2, 1, 0}},
      {{3, 34, 67}, {1, 0, 2}},
      {{2, 33, 3, 5}, {0, 3, 1, 2}},
      {{2, 5, 33, 3}, {0, 2, 3, 1}},
      {{2, 3, 4, 5, 2, 3}, {5, 3, 1, 0, 2, 4}},
      {{2, 1, 3, 1}, {3, 2, 1, 0}},
      {{4, 5, 6}, {0, 1, 2}},
      {{0, 3}, {1, 0}},
  };
  for (const DType dtype : {DType::f32, DType::f64, DType::u8})
    for (const auto& [shape, order] : all) {
      const Tensor x = counted(shape, dtype);
      std::array<int, Shape::max_rank> axes{};
      std::copy(order.begin(), order.end(), axes.begin());
      BOOST_TEST(same_bits(permute(x, axes), permuted(x, order)), shape << ' ' << dtype);
    }
  BOOST_TEST(same_bits(transpose(counted({2, 3, 4})).value(), permuted(counted({2, 3, 4}), {0, 2, 1})));
  BOOST_TEST(same_bits(transpose(counted({2, 3, 4}), {-1, 0, -2}).value(), permuted(counted({2, 3, 4}), {2, 0, 1})));
}

BOOST_AUTO_TEST_CASE(transpose_errors) {
  const Tensor x = counted({2, 3});
  BOOST_TEST(fails_with({"transpose", "3 axes", "[2, 3]"}, [&] { transpose(x, {0, 1, 2}); }));
  BOOST_TEST(fails_with({"transpose", "axis 0 twice"}, [&] { transpose(x, {0, 0}); }));
  BOOST_TEST(fails_with({"transpose", "2"}, [&] { transpose(x, {0, 2}); }));
  BOOST_TEST(fails_with({"transpose", "[4]"}, [&] { transpose(counted({4})); }));
}

BOOST_AUTO_TEST_CASE(slice_takes_a_range) {
  const Tensor x = counted({3, 4});
  const auto rows = [](std::initializer_list<float> values, const Shape& shape) { return Tensor::from(values, shape); };
  BOOST_TEST(same_bits(slice(x, 0, 1, 2).value(), rows({4, 5, 6, 7}, {1, 4})));
  BOOST_TEST(same_bits(slice(x, 1, 1, 3).value(), rows({1, 2, 5, 6, 9, 10}, {3, 2})));
  BOOST_TEST(same_bits(slice(x, -1, -1, 4).value(), rows({3, 7, 11}, {3, 1})));
  BOOST_TEST(same_bits(slice(x, 1, 0, 4, 3).value(), rows({0, 3, 4, 7, 8, 11}, {3, 2})));
  BOOST_TEST(same_bits(slice(x, 1, 1, 4, 100).value(), rows({1, 5, 9}, {3, 1})));
  BOOST_TEST(slice(x, 0, 2, 2).shape() == (Shape{0, 4}));
  BOOST_TEST(same_bits(gradient_of([](const Var& v) { return slice(v, 1, 1, 4, 2); }, x),
                       rows({0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}, {3, 4})));
  BOOST_TEST(fails_with({"slice", "1 to 5", "axis 0", "[3, 4]"}, [&] { slice(x, 0, 1, 5); }));
  BOOST_TEST(fails_with({"slice", "2 to 1"}, [&] { slice(x, 0, 2, 1); }));
  BOOST_TEST(fails_with({"slice", "-4 to 1"}, [&] { slice(x, 0, -4, 1); }));
  BOOST_TEST(fails_with({"slice", "step 0"}, [&] { slice(x, 0, 0, 1, 0); }));
  BOOST_TEST(fails_with({"slice"}, [&] { slice(x, 2, 0, 1); }));
}

BOOST_AUTO_TEST_CASE(concat_joins) {
  const Tensor a = counted({2, 1});
  const Tensor b = counted({2, 3});
  BOOST_TEST(same_bits(concat({a, b}, 1).value(), Tensor::from<float>({0, 0, 1, 2, 1, 3, 4, 5}, {2, 4})));
  BOOST_TEST(same_bits(concat({b, b}, 0).value(), Tensor::from<float>({0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5}, {4, 3})));
  BOOST_TEST(same_bits(concat({b}, -1).value(), b));
  const Tensor big = test::random({100, 3, 70}, 1);
  for (const int axis : {0, 1, 2}) {
    const Tensor joined = concat({big, big, big}, axis).value();
    for (int i = 0; i < 3; ++i)
      BOOST_TEST(same_bits(slice(joined, axis, i * big.dim(axis), (i + 1) * big.dim(axis)).value(), big));
  }
  BOOST_TEST(fails_with({"concat", "empty"}, [] { concat(std::span<const Var>(), 0); }));
  BOOST_TEST(fails_with({"concat", "[2, 1]", "[2, 3]", "axis 0"}, [&] { concat({a, b}, 0); }));
  BOOST_TEST(fails_with({"concat", "[2, 3]", "[2]"}, [&] { concat({b, counted({2})}, 0); }));
  BOOST_TEST(fails_with({"concat"}, [&] { concat({a, b}, 2); }));
  BOOST_TEST(fails_with({"f32", "f64"}, [&] { concat({b, counted({2, 3}, DType::f64)}, 0); }));
  BOOST_TEST(fails_with({"concat", "undefined"}, [&] { concat({b, Var()}, 0); }));
}

BOOST_AUTO_TEST_CASE(concat_of_constants_and_inputs) {
  Tape tape;
  const Var x = tape.input(counted({2}));
  tape.backward(concat({counted({3}), x, counted({1})}, 0), Tensor::from<float>({9, 9, 9, 5, 6, 9}, {6}));
  BOOST_TEST(same_bits(tape.gradient(x), Tensor::from<float>({5, 6}, {2})));
}

BOOST_AUTO_TEST_CASE(pad_surrounds) {
  const Tensor x = Tensor::from<float>({1, 2, 3, 4}, {2, 2});
  BOOST_TEST(same_bits(pad(x, {{0, 1}, {1, 0}}).value(), Tensor::from<float>({0, 1, 2, 0, 3, 4, 0, 0, 0}, {3, 3})));
  BOOST_TEST(same_bits(pad(x, {{1, 0}, {0, 0}}, -2).value(), Tensor::from<float>({-2, -2, 1, 2, 3, 4}, {3, 2})));
  const Tensor image = test::random({2, 9, 30, 17}, 1);
  const Tensor padded = pad(image, {{0, 0}, {2, 1}, {3, 0}, {0, 1}}).value();
  Tensor cut = slice(padded, 1, 2, 11).value();
  cut = slice(slice(cut, 2, 3, 33), 3, 0, 17).value();
  BOOST_TEST(same_bits(cut, image));
  BOOST_TEST(fails_with({"pad", "1 pairs", "[2, 2]"}, [&] { pad(x, {{0, 0}}); }));
  BOOST_TEST(fails_with({"pad", "{-1, 0}", "axis 1"}, [&] { pad(x, {{0, 0}, {-1, 0}}); }));
}

BOOST_AUTO_TEST_CASE(expand_repeats) {
  const Tensor x = counted({3, 1});
  BOOST_TEST(
      same_bits(expand("test", x, {2, 3, 2}), Tensor::from<float>({0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2}, {2, 3, 2})));
  BOOST_TEST(expand("test", x, {3, 1}).shares(x));
  BOOST_TEST(fails_with({"test", "[3, 1]"}, [&] { expand("test", x, {1}); }));
  BOOST_TEST(fails_with({"test", "[3, 1]"}, [&] { expand("test", x, {4, 4}); }));
}

BOOST_AUTO_TEST_CASE(same_bits_on_all_threads) {
  const Tensor x = test::random({40, 31, 50}, 2);
  BOOST_TEST(same_on_all_threads([&] {
    return test::with_gradients(
        [](std::span<const Var> in) {
          return concat({transpose(in[0], {2, 1, 0}), pad(slice(in[0], 2, 0, 40, 1), {{0, 10}, {0, 0}, {0, 0}})}, 2);
        },
        {x});
  }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
