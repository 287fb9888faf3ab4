#include "framework/ops/embedding.h"

#include <boost/test/unit_test.hpp>

#include "framework/ops/reduction.h"
#include "tests/support/errors.h"
#include "tests/support/ops.h"

namespace ebb {
namespace {

using test::fails_with;
using test::same_bits;

BOOST_AUTO_TEST_SUITE(embedding_op)

BOOST_AUTO_TEST_CASE(looks_rows_up) {
  const Tensor table = Tensor::from<float>({1, 2, 3, 4, 5, 6}, {3, 2});
  const Tensor want = Tensor::from<float>({5, 6, 1, 2, 5, 6, 3, 4}, {2, 2, 2});
  BOOST_TEST(same_bits(embedding(table, Tensor::from<std::int64_t>({2, 0, 2, 1}, {2, 2})).value(), want));
  BOOST_TEST(same_bits(embedding(table, Tensor::from<std::int32_t>({2, 0, 2, 1}, {2, 2})).value(), want));
  BOOST_TEST(same_bits(embedding(table, Tensor::from<std::uint8_t>({2, 0, 2, 1}, {2, 2})).value(), want));
  BOOST_TEST(embedding(table, Tensor::from<std::int64_t>({1}, {})).shape() == Shape{2});
  BOOST_TEST(embedding(table, Tensor({0}, DType::i64)).shape() == (Shape{0, 2}));
}

// The numbers of a row are added in the order of its uses, whatever the number of threads.
BOOST_AUTO_TEST_CASE(gradients_add_up_in_order_on_all_threads) {
  const std::int64_t rows = 37;
  const std::int64_t width = 19;
  const std::int64_t count = 3000;
  Tensor indices({count}, DType::i64);
  const Rng rng(1);
  for (std::int64_t i = 0; i < count; ++i)
    indices.mutable_data<std::int64_t>()[i] =
        static_cast<std::int64_t>(rng.below(rows - 1, static_cast<std::uint64_t>(i)));
  const Tensor up = test::random({count, width}, 2);
  Tensor want = Tensor::zeros({rows, width});
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t j = 0; j < width; ++j)
      want.mutable_data<float>()[indices.data<std::int64_t>()[i] * width + j] += up.data<float>()[i * width + j];
  const Tensor table = test::random({rows, width}, 3);
  const auto run = [&] {
    return test::with_gradients([&](std::span<const Var> in) { return embedding(in[0], indices); }, {table}, up);
  };
  BOOST_TEST(same_bits(run()[1], want));
  BOOST_TEST(test::same_on_all_threads(run));
}

BOOST_AUTO_TEST_CASE(errors) {
  const Tensor table = Tensor::zeros({3, 2});
  BOOST_TEST(fails_with({"embedding", "index 3", "position 2", "0 to 2"}, [&] {
    embedding(table, Tensor::from<std::int64_t>({0, 1, 3}, {3}));
  }));
  BOOST_TEST(fails_with({"embedding", "index -1", "position 0"},
                        [&] { embedding(table, Tensor::from<std::int64_t>({-1}, {1})); }));
  BOOST_TEST(fails_with({"embedding", "f32", "i64"}, [&] { embedding(table, Tensor::zeros({1})); }));
  BOOST_TEST(fails_with({"embedding", "[3]"}, [&] { embedding(Tensor::zeros({3}), Tensor({1}, DType::i64)); }));
  BOOST_TEST(fails_with({"embedding", "undefined"}, [&] { embedding(table, Tensor()); }));
}

BOOST_AUTO_TEST_CASE(indices_edited_before_backward) {
  Tensor indices = Tensor::from<std::int64_t>({0, 1}, {2});
  Tape tape;
  const Var y = sum(embedding(tape.input(Tensor::zeros({3, 2})), indices));
  fill(indices, 7);
  BOOST_TEST(fails_with({"embedding", "edited in place"}, [&] { tape.backward(y); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
