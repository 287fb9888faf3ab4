// Sizes, steps, paddings and axes at the ends of 64 bits: an Error names the op, or the op just works; nothing wraps
// round to a small size and writes past it. Images without a batch may be as large as a shape allows.
#include <boost/test/unit_test.hpp>
#include <cstdint>

#include "framework/ops/arithmetic.h"
#include "framework/ops/convolution.h"
#include "framework/ops/embedding.h"
#include "framework/ops/matmul.h"
#include "framework/ops/normalization.h"
#include "framework/ops/pooling.h"
#include "framework/ops/reduction.h"
#include "framework/ops/shape.h"
#include "tests/support/errors.h"
#include "tests/support/tensors.h"

namespace ebb::hostile_sizes_test {
namespace {

using namespace test;

constexpr std::int64_t least = INT64_MIN, most = INT64_MAX;

// Numbers that wrap round in a sum, a product or a negation.
constexpr std::int64_t wrapping[] = {
    least,        least + 1, -1,  std::int64_t{1} << 40, std::int64_t{1} << 61, std::int64_t{1} << 62, most / 2,
    most / 2 + 1, most - 1,  most};

// Whether `call` throws an Error that begins with [where].
template <class Call>
boost::test_tools::assertion_result refuses(const std::string& where, std::int64_t size, const Call& call) {
  const std::string message = message_of(call);
  boost::test_tools::assertion_result result(message.starts_with("[" + where + "]"));
  result.message() << size << ": " << message;
  return result;
}

BOOST_AUTO_TEST_SUITE(hostile_sizes)

BOOST_AUTO_TEST_CASE(padding_that_wraps_round) {
  const Tensor x = random({2, 3}, 1);
  for (const std::int64_t n : wrapping) {
    const std::string message = message_of([&] { pad(x, {{0, n}, {0, 0}}); });
    BOOST_TEST(message.starts_with("["), n << ": " << message);
    BOOST_TEST(message_of([&] { pad(x, {{n, 0}, {0, 0}}); }).starts_with("["), n);
    BOOST_TEST(message_of([&] { pad(x, {{0, 0}, {n, n}}); }).starts_with("["), n);
  }
  BOOST_TEST(refuses("pad", most, [&] { pad(x, {{0, most}, {0, 0}}); }));
  // most + most + 4 is 2: as many rows as before.
  BOOST_TEST(refuses("pad", most, [&] { pad(random({4, 3}, 1), {{most, most}, {0, 0}}); }));
}

BOOST_AUTO_TEST_CASE(windows_that_wrap_round) {
  const Tensor x = random({1, 4, 4, 3}, 1);
  for (const auto pool : {max_pool2d, avg_pool2d}) {
    const char* const op = pool == max_pool2d ? "max_pool2d" : "avg_pool2d";
    for (const std::int64_t n : wrapping) {
      BOOST_TEST(refuses(op, n, [&] { pool(x, {.kernel = {2, n}}); }));
      BOOST_TEST(refuses(op, n, [&] { pool(x, {.kernel = {n, 2}, .padding = {n / 2, 0}}); }));
      BOOST_TEST(refuses(op, n, [&] { pool(x, {.stride = {1, n}}); }));
      BOOST_TEST(refuses(op, n, [&] { pool(x, {.padding = {n, 0}}); }));
      BOOST_TEST(refuses(op, n, [&] { pool(x, {.kernel = {most, most}, .padding = {n, n}}); }));
      BOOST_TEST(refuses(op, n, [&] { pool(x, {.dilation = {n, 1}}); }));
      BOOST_TEST(refuses(op, n, [&] { pool(x, {.kernel = {1, n}, .same_padding = true}); }));
      BOOST_TEST(refuses(op, n, [&] { pool(x, {.dilation = {1, n}, .same_padding = true}); }));
      BOOST_TEST(refuses(op, n, [&] { pool(x, {.stride = {n, n}, .ceil_mode = true}); }));
      BOOST_TEST(refuses(op, n, [&] { pool(x, {.padding = {1, n}, .dilation = {1, n}, .ceil_mode = true}); }));
    }
    // The largest that are allowed.
    const std::int64_t large = std::int64_t{1} << 24;
    BOOST_TEST(pool(x, {.stride = {large, large}}).shape() == (Shape{1, 1, 1, 3}));
    BOOST_TEST(pool(x, {.kernel = {large, 2}, .padding = {large / 2, 0}}).shape() == (Shape{1, 1, 2, 3}));
    BOOST_TEST(pool(x, {.stride = {large, large}, .ceil_mode = true}).shape() == (Shape{1, 1, 1, 3}));
    BOOST_TEST(pool(x, {.kernel = {large, large}, .stride = {3, 1}, .same_padding = true}).shape() ==
               (Shape{1, 2, 4, 3}));
    // Of three taps as far apart as may be the middle one meets the image, of two none does.
    BOOST_TEST(same_bits(pool(x, {.kernel = {3, 3},
                                  .stride = {1, 1},
                                  .dilation = {large, large},
                                  .same_padding = true,
                                  .count_padding = false})
                             .value(),
                         x));
    BOOST_TEST(refuses(op, large, [&] {
      pool(x, {.kernel = {2, 2}, .stride = {1, 1}, .dilation = {large, large}, .same_padding = true});
    }));
    BOOST_TEST(refuses(op, large, [&] { pool(x, {.kernel = {large, 2}, .dilation = {large, 1}}); }));
    BOOST_TEST(pool(Tensor({0, 4, 4, 3}), {.kernel = {3, 3}, .dilation = {1, 1}, .same_padding = true}).shape() ==
               (Shape{0, 2, 2, 3}));
  }
  for (const auto pool : {adaptive_max_pool2d, adaptive_avg_pool2d}) {
    const char* const op = pool == adaptive_max_pool2d ? "adaptive_max_pool2d" : "adaptive_avg_pool2d";
    for (const std::int64_t n : wrapping) {
      BOOST_TEST(refuses(op, n, [&] { pool(x, {n, 1}); }));
      BOOST_TEST(refuses(op, n, [&] { pool(x, {2, n}); }));
    }
    for (const Shape& empty : {Shape{2, 0, 4, 3}, Shape{2, 4, 0, 3}, Shape{2, 4, 4, 0}})
      BOOST_TEST(refuses(op, 0, [&] { pool(Tensor(empty), {2, 0}); }));
    BOOST_TEST(pool(Tensor({0, 5, 4, 3}), {2, 0}).shape() == (Shape{0, 2, 4, 3}));
  }
}

BOOST_AUTO_TEST_CASE(convolutions_that_wrap_round) {
  const Var none, x(random({1, 4, 4, 2}, 1)), w(random({3, 3, 2, 2}, 2));
  for (const std::int64_t n : wrapping) {
    BOOST_TEST(refuses("conv2d", n, [&] { conv2d(x, w, none, {.stride = {n, 1}}); }));
    BOOST_TEST(refuses("conv2d", n, [&] { conv2d(x, w, none, {.padding = {1, n}}); }));
    BOOST_TEST(refuses("conv2d", n, [&] { conv2d(x, w, none, {.dilation = {n, 1}}); }));
    BOOST_TEST(refuses("conv2d", n, [&] { conv2d(x, w, none, {.groups = n}); }));
    BOOST_TEST(refuses("conv2d", n, [&] { conv2d(x, w, none, {.stride = {1, n}, .same_padding = true}); }));
    BOOST_TEST(refuses("conv2d", n, [&] { conv2d(x, w, none, {.padding = {n, 0}, .same_padding = true}); }));
    BOOST_TEST(refuses("conv2d", n, [&] { conv2d(x, w, none, {.dilation = {1, n}, .same_padding = true}); }));
    BOOST_TEST(refuses("conv_transpose2d", n, [&] { conv_transpose2d(x, w, none, {.stride = {n, 1}}); }));
    BOOST_TEST(refuses("conv_transpose2d", n, [&] { conv_transpose2d(x, w, none, {.padding = {1, n}}); }));
    BOOST_TEST(refuses("conv_transpose2d", n, [&] { conv_transpose2d(x, w, none, {.output_padding = {n, 0}}); }));
    BOOST_TEST(refuses("conv_transpose2d", n, [&] { conv_transpose2d(x, w, none, {.dilation = {1, n}}); }));
    BOOST_TEST(refuses("conv_transpose2d", n, [&] { conv_transpose2d(x, w, none, {.groups = n}); }));
  }
}

// No image, so no memory: sizes that are multiplied before anything is allocated.
BOOST_AUTO_TEST_CASE(huge_images_of_an_empty_batch) {
  const Var none, w(random({3, 3, 1, 1}, 2));
  for (const std::int64_t rows : {std::int64_t{1} << 20, std::int64_t{1} << 40, std::int64_t{1} << 56}) {
    const Tensor x({0, rows, 4, 1});
    const auto survives = [&](const char* op, const auto& call) {
      const std::string message = message_of(call);
      BOOST_TEST((message == "no error" || message.starts_with("[")), op << ' ' << rows << ": " << message);
    };
    for (const std::int64_t step : {std::int64_t{1}, std::int64_t{2}, std::int64_t{1} << 24}) {
      survives("conv2d", [&] { conv2d(x, w, none, {.stride = {step, 1}, .padding = {step, 1}}); });
      survives("conv_transpose2d", [&] { conv_transpose2d(x, w, none, {.stride = {step, 1}}); });
      survives("max_pool2d", [&] { max_pool2d(x, {.kernel = {step, 1}}); });
      survives("avg_pool2d", [&] { avg_pool2d(x, {.kernel = {1, 1}, .stride = {step, 1}}); });
      survives("conv2d", [&] { conv2d(x, w, none, {.stride = {step, 1}, .same_padding = true}); });
      survives("max_pool2d", [&] { max_pool2d(x, {.kernel = {3, 3}, .stride = {step, 1}, .same_padding = true}); });
      survives("avg_pool2d", [&] { avg_pool2d(x, {.stride = {step, 1}, .dilation = {step, 1}, .ceil_mode = true}); });
      survives("adaptive_max_pool2d", [&] { adaptive_max_pool2d(x, {step, 3}); });
      survives("adaptive_avg_pool2d", [&] { adaptive_avg_pool2d(x, {0, 3}); });
    }
    survives("global_avg_pool2d", [&] { global_avg_pool2d(x); });
    survives("concat", [&] { concat(std::vector<Var>(64, Var(x)), 1); });
    survives("slice", [&] { slice(x, 1, 0, rows, most); });
    survives("transpose", [&] { transpose(x, {3, 2, 1, 0}); });
    survives("sum", [&] { sum(x, {1}); });
    survives("flatten", [&] { flatten(x); });
    survives("add", [&] { x + Var(Tensor({1, 1, 4, 1})); });
    survives("matmul", [&] { matmul(x.reshape({rows, 0}), Tensor({0, 4})); });
    survives("matmul", [&] { matmul(x.reshape({rows, 0}), x.reshape({0, rows})); });
    survives("embedding", [&] { embedding(Tensor({0, rows}), Tensor({0}, DType::i64)); });
    survives("layer_norm", [&] { layer_norm(x, none, none); });
  }
}

BOOST_AUTO_TEST_CASE(slices_that_wrap_round) {
  const Tensor x = random({4, 3}, 1);
  for (const std::int64_t n : wrapping) {
    BOOST_TEST(refuses("slice", n, [&] { slice(x, 0, n == -1 ? least : n, 2); }));
    BOOST_TEST(refuses("slice", n, [&] { slice(x, 0, 0, n == -1 ? least : n); }));
    if (n < 1) BOOST_TEST(refuses("slice", n, [&] { slice(x, 0, 0, 4, n); }));
    else BOOST_TEST(same_bits(slice(x, 0, 1, 4, n).value(), slice(x, 0, 1, 2).value()), n);
  }
}

BOOST_AUTO_TEST_CASE(shapes_that_wrap_round) {
  const Tensor x = random({4, 3}, 1);
  for (const std::int64_t n : wrapping) {
    if (n != -1) BOOST_TEST(message_of([&] { reshape(x, {n, 3}); }).starts_with("["), n);
    BOOST_TEST(message_of([&] { reshape(x, {n, n, -1}); }).starts_with("["), n);
    BOOST_TEST(message_of([&] { Tensor({n, n, 4}); }).starts_with("["), n);
    BOOST_TEST(message_of([&] { const Tensor large(x.shape().with(0, n)); }).starts_with("["), n);
    BOOST_TEST(message_of([&] { const Tensor large(x.shape().insert(1, n)); }).starts_with("["), n);
    BOOST_TEST(message_of([&] { group_norm(random({2, 4, 4, 6}, 1), {}, {}, n); }).starts_with("[group_norm]"), n);
  }
  for (const int axis : {INT32_MIN, INT32_MIN + 1, -3, 2, INT32_MAX - 1, INT32_MAX}) {
    BOOST_TEST(refuses("slice", axis, [&] { slice(x, axis, 0, 1); }));
    BOOST_TEST(refuses("concat", axis, [&] { concat({x, x}, axis); }));
    BOOST_TEST(refuses("sum", axis, [&] { sum(x, {axis}); }));
    BOOST_TEST(refuses("max", axis, [&] { max(x, {axis}); }));
    BOOST_TEST(refuses("flatten", axis, [&] { flatten(x, axis); }));
    BOOST_TEST(refuses("transpose", axis, [&] { transpose(x, {axis, 0}); }));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::hostile_sizes_test
