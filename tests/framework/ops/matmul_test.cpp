#include <boost/test/unit_test.hpp>

#include "framework/compute/gemm.h"
#include "framework/ops/matmul.h"
#include "tests/support/errors.h"
#include "tests/support/naive.h"

namespace ebb::test {
namespace {

// Matrix i of a batch, as a tensor of its own.
Tensor matrix(const Tensor& batch, std::int64_t i) {
  const std::int64_t rows = batch.dim(-2), columns = batch.dim(-1);
  return Tensor::from(batch.span<double>().subspan(static_cast<std::size_t>(i * rows * columns),
                                                   static_cast<std::size_t>(rows * columns)),
                      {rows, columns});
}

// Which matrix of a factor of shape `factor` makes product i of a batch of shape `result`, by the rule of broadcasting:
// axes are aligned at the end, and one of length 1 stays at 0.
std::int64_t matrix_of(const Shape& factor, const Shape& result, std::int64_t i) {
  std::int64_t at = 0, step = 1;
  for (int axis = -3; - axis <= result.rank(); --axis) {
    const std::int64_t index = i % result[axis];
    i /= result[axis];
    if (-axis > factor.rank()) continue;
    if (factor[axis] != 1) at += index * step;
    step *= factor[axis];
  }
  return at;
}

void add_matrix(const Tensor& from, Tensor& batch, std::int64_t i) {
  for (std::int64_t j = 0; j < from.size(); ++j)
    batch.mutable_data<double>()[i * from.size() + j] += from.data<double>()[j];
}

}  // namespace

BOOST_AUTO_TEST_SUITE(matmul_op)

BOOST_AUTO_TEST_CASE(values) {
  const Tensor a = random({7, 19}, 1), b = random({19, 33}, 2);
  const Tensor got = matmul(Var(a), Var(b)).value();
  BOOST_TEST(close(cast(got, DType::f64), naive_matmul(a, false, b, false, {}), product_tolerance(DType::f32, 19)));
}

BOOST_AUTO_TEST_CASE(a_batch_is_as_many_products) {
  for (const std::int64_t batch : {1, 3, 12}) {
    const Tensor a = random({2, batch, 5, 6}, 1, -1, 1, DType::f64), b = random({2, batch, 6, 9}, 2, -1, 1, DType::f64);
    Tape tape;
    const Var va = tape.input(a), vb = tape.input(b);
    const Var c = matmul(va, vb);
    BOOST_TEST(c.shape() == Shape({2, batch, 5, 9}));
    const Tensor dy = random(c.shape(), 3, -1, 1, DType::f64);
    tape.backward(c, dy);
    for (std::int64_t i = 0; i < 2 * batch; ++i) {
      BOOST_TEST(close(matrix(c.value(), i), naive_matmul(matrix(a, i), false, matrix(b, i), false, {}), 1e-14));
      BOOST_TEST(
          close(matrix(tape.gradient(va), i), naive_matmul(matrix(dy, i), false, matrix(b, i), true, {}), 1e-14));
      BOOST_TEST(
          close(matrix(tape.gradient(vb), i), naive_matmul(matrix(a, i), true, matrix(dy, i), false, {}), 1e-14));
    }
  }
}

// Each product of a broadcast batch against plain loops; gradients of factors that several products use are sums.
BOOST_AUTO_TEST_CASE(batches_broadcast) {
  const std::vector<std::array<Shape, 3>> all{{Shape{4, 5, 6}, Shape{6, 3}, Shape{4, 5, 3}},
                                              {Shape{2, 7, 5, 6}, Shape{6, 3}, Shape{2, 7, 5, 3}},
                                              {Shape{5, 6}, Shape{4, 6, 3}, Shape{4, 5, 3}},
                                              {Shape{1, 5, 6}, Shape{11, 6, 3}, Shape{11, 5, 3}},
                                              {Shape{11, 5, 6}, Shape{1, 6, 3}, Shape{11, 5, 3}},
                                              {Shape{5, 6}, Shape{1, 6, 3}, Shape{1, 5, 3}},
                                              {Shape{3, 1, 5, 6}, Shape{2, 6, 3}, Shape{3, 2, 5, 3}},
                                              {Shape{1, 2, 1, 1, 5, 6}, Shape{3, 1, 6, 3}, Shape{1, 2, 3, 1, 5, 3}},
                                              {Shape{1, 9, 1, 6}, Shape{4, 1, 6, 1}, Shape{4, 9, 1, 1}}};
  for (const auto& [left, right, result] : all) {
    const Tensor a = random(left, 1, -1, 1, DType::f64), b = random(right, 2, -1, 1, DType::f64);
    Tape tape;
    const Var va = tape.input(a), vb = tape.input(b);
    const Var c = matmul(va, vb);
    BOOST_TEST_REQUIRE(c.shape() == result);
    const Tensor dy = random(result, 3, -1, 1, DType::f64);
    tape.backward(c, dy);
    const std::int64_t products = result.size() / (result[-2] * result[-1]);
    Tensor da = Tensor::zeros(left, DType::f64), db = Tensor::zeros(right, DType::f64);
    for (std::int64_t i = 0; i < products; ++i) {
      const std::int64_t p = matrix_of(left, result, i), q = matrix_of(right, result, i);
      BOOST_TEST(close(matrix(c.value(), i), naive_matmul(matrix(a, p), false, matrix(b, q), false, {}), 1e-14));
      add_matrix(naive_matmul(matrix(dy, i), false, matrix(b, q), true, {}), da, p);
      add_matrix(naive_matmul(matrix(a, p), true, matrix(dy, i), false, {}), db, q);
    }
    BOOST_TEST(close(tape.gradient(va), da, 1e-13));
    BOOST_TEST(close(tape.gradient(vb), db, 1e-13));
  }
}

BOOST_AUTO_TEST_CASE(empty_batches) {
  for (const auto& [left, right, result] : {std::array{Shape{0, 2, 3}, Shape{3, 4}, Shape{0, 2, 4}},
                                            std::array{Shape{0, 2, 3}, Shape{1, 3, 4}, Shape{0, 2, 4}},
                                            std::array{Shape{2, 3}, Shape{0, 3, 4}, Shape{0, 2, 4}}}) {
    Tape tape;
    const Var a = tape.input(Tensor::full(left, 1)), b = tape.input(Tensor::full(right, 1));
    const Var c = matmul(a, b);
    BOOST_TEST(c.shape() == result);
    tape.backward(c, Tensor(result));
    BOOST_TEST(same_bits(tape.gradient(a), Tensor::zeros(left)));
    BOOST_TEST(same_bits(tape.gradient(b), Tensor::zeros(right)));
  }
}

BOOST_AUTO_TEST_CASE(linear_over_the_last_axis) {
  const Tensor x = random({3, 4, 11}, 1), w = random({11, 6}, 2), bias = random({6}, 3);
  Tape tape;
  const Var vx = tape.input(x), vw = tape.input(w), vb = tape.input(bias);
  const Var y = linear(vx, vw, vb);
  const Tensor flat = x.reshape({12, 11});
  BOOST_TEST(y.shape() == Shape({3, 4, 6}));
  BOOST_TEST(close(cast(y.value(), DType::f64), naive_matmul(flat, false, w, false, bias).reshape({3, 4, 6}), 1e-5));
  const Tensor dy = random({3, 4, 6}, 4);
  tape.backward(y, dy);
  const Tensor up = dy.reshape({12, 6});
  BOOST_TEST(
      close(cast(tape.gradient(vx), DType::f64), naive_matmul(up, false, w, true, {}).reshape({3, 4, 11}), 1e-5));
  BOOST_TEST(close(cast(tape.gradient(vw), DType::f64), naive_matmul(flat, true, up, false, {}), 1e-5));
  const Tensor ones = Tensor::full({1, 12}, 1);
  BOOST_TEST(close(cast(tape.gradient(vb), DType::f64), naive_matmul(ones, false, up, false, {}).reshape({6}), 1e-5));
}

BOOST_AUTO_TEST_CASE(equal_bits_on_any_number_of_threads) {
  const Tensor x = random({260, 300}, 1), w = random({300, 140}, 2), dy = random({260, 140}, 3);
  Tensor y, dx, dw;
  for (const int count : {1, 2, 3, 4, 8}) {
    const Threads use(count);
    const Tensor now_y = matmul(x, false, w, false);
    const Tensor now_dx = matmul(dy, false, w, true);
    const Tensor now_dw = matmul(x, true, dy, false);
    if (count == 1) y = now_y, dx = now_dx, dw = now_dw;
    BOOST_TEST(same_bits(now_y, y));
    BOOST_TEST(same_bits(now_dx, dx));
    BOOST_TEST(same_bits(now_dw, dw));
  }
}

BOOST_AUTO_TEST_CASE(messages) {
  const Var a = Tensor({3, 4}), b = Tensor({5, 6}), c = Tensor({4, 6}, DType::f64);
  BOOST_TEST(fails_with({"matmul", "[3, 4] x [5, 6]", "columns"}, [&] { matmul(a, b); }));
  BOOST_TEST(fails_with({"matmul", "f32", "f64"}, [&] { matmul(a, c); }));
  BOOST_TEST(fails_with({"matmul", "[3, 4] x [4]", "rank 2 or more"}, [&] { matmul(a, Var(Tensor(Shape{4}))); }));
  BOOST_TEST(fails_with({"matmul", "[3] and [2]"}, [&] { matmul(Var(Tensor({3, 2, 4})), Var(Tensor({2, 4, 5}))); }));
  BOOST_TEST(fails_with({"matmul", "right factor"}, [&] { matmul(a, Var()); }));
  BOOST_TEST(fails_with({"linear", "input [3, 4]", "a last axis of 5"}, [&] { linear(a, b); }));
  BOOST_TEST(fails_with({"linear", "bias [5]", "[6]"}, [&] { linear(Var(Tensor({3, 5})), b, Var(Tensor(Shape{5}))); }));
  BOOST_TEST(fails_with({"linear", "weight", "[in, out]"}, [&] { linear(a, Var(Tensor(Shape{4}))); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test
