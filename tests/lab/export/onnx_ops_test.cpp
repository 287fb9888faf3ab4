// Every op that the library exports, alone and where values lie in several ways, computes in a graph what it does in
// Ebb.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>

#include "framework/ops/activation.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/convolution.h"
#include "framework/ops/loss.h"
#include "framework/ops/matmul.h"
#include "framework/ops/normalization.h"
#include "framework/ops/pooling.h"
#include "framework/ops/reduction.h"
#include "framework/ops/shape.h"
#include "lab/export/onnx_step.h"
#include "lab/export/recorded_pass.h"
#include "tests/lab/export/exported.h"

namespace ebb {
namespace {

using test::distance;
using test::Function;
using test::rounding;
using test::some_images;
using test::standardised;

// A place for every op that the library exports: what runs on images [n, 5, 7, 3].
struct Case {
  const char* what;
  Function::Forward forward;
};

// Of every number at an odd place the first is chosen.
Tensor chessboard(const Shape& shape) {
  Tensor out(shape, DType::u8);
  for (std::int64_t i = 0; i < out.size(); ++i)
    out.mutable_data<std::uint8_t>()[i] = static_cast<std::uint8_t>(3 * (i % 2));
  return out;
}

#define CASE(expression)                                                                 \
  Case {                                                                                 \
#expression, [](Function & self, const Var& x) -> Var { (void)self; return expression; } \
  }

const std::vector<Case>& cases() {
  static const auto filtered = [](Function& self, const Var& x) {
    return conv2d(x, self.filter, {}, {.padding = {1, 1}});
  };
  static const auto normed = [](Function& self, const Var& x, Activation activation) {
    BatchNormState state{self.mean.value(), self.variance.value(), {}, {}};
    return batch_norm(x, self.scale, self.shift, state, {.training = false, .eps = 0.1, .activation = activation});
  };
  static const std::vector<Case> all{
      // Elementwise.
      CASE(abs(x)),
      CASE(exp(x)),
      CASE(log(abs(x) + 1)),
      CASE(sqrt(square(x) + 1)),
      CASE(pow(abs(x) + 0.5, 1.5)),
      CASE(relu(x)),
      CASE(relu6(x * 4)),
      CASE(leaky_relu(x, 0.3)),
      CASE(elu(x, 0.4)),
      CASE(gelu(x)),
      CASE(gelu(x, Gelu::tanh)),
      CASE(silu(x)),
      CASE(softplus(x)),
      CASE(sigmoid(x)),
      CASE(tanh(x)),
      CASE(clamp(x, -0.5, 0.25)),
      CASE(add_relu(x, x * 0.5)),
      CASE(2 - x),
      CASE(1 / (square(x) + 1)),
      CASE(x / 9),
      // Values that lie otherwise meet.
      CASE(x * mean(x, {1, 2}, keep_dims)),
      CASE(x * reshape(mean(x, {1, 2}), {x.dim(0), 1, 1, 3})),
      CASE(x - mean(x, {3}, keep_dims)),
      CASE(x + Function::random({7, 3}, 6)),
      CASE(x + Function::random({3}, 6)),
      CASE(x * Function::random({5, 1, 1}, 6)),
      CASE(linear(x, self.matrix, {}) * linear(x, self.matrix, self.shift)),
      CASE(x + transpose(transpose(x, {0, 3, 1, 2}), {0, 2, 3, 1})),
      CASE(flatten(x) * 2 + Function::random({105}, 6)),
      CASE(flatten(x) + reshape(x, {x.dim(0), 105})),
      CASE(flatten(x) + Function::random({2, 1, 105}, 6)),
      CASE(softmax(flatten(x))),
      CASE(slice(flatten(x), 1, 3, 50, 4)),
      CASE(reshape(flatten(x), {x.dim(0), 5, 21})),
      CASE(layer_norm(flatten(x), {}, {}, 0.1)),
      CASE(sigmoid(x) * mean(flatten(x))),
      // Linear maps.
      CASE(conv2d(x, self.filter, self.shift, {.stride = {2, 1}, .padding = {1, 2}, .dilation = {1, 2}})),
      CASE(conv2d(x, self.filter, {}, {.stride = {2, 2}, .same_padding = true})),
      CASE(conv2d(x, self.filter, {}, {}, {.activation = Activation::relu})),
      CASE(conv2d(filtered(self, x), Function::random({2, 2, 1, 8}, 8), {}, {.groups = 4})),
      CASE(conv_transpose2d(x, Function::random({3, 2, 3, 5}, 8), Function::random({5}, 9),
                            {.stride = {2, 3}, .padding = {1, 0}, .output_padding = {1, 2}})),
      CASE(linear(x, self.matrix, self.shift)),
      CASE(linear(mean(x, {1, 2}), self.matrix, {})),
      CASE(linear(flatten(x), Function::random({105, 6}, 9), Function::random({6}, 8))),
      CASE(matmul(x, self.matrix)),
      CASE(matmul(transpose(reshape(x, {x.dim(0), 35, 3})), reshape(x, {x.dim(0), 35, 3}))),
      // Norms.
      CASE(normed(self, filtered(self, x), Activation::none)),
      CASE(normed(self, filtered(self, x), Activation::relu)),
      CASE(normed(self, linear(mean(x, {1, 2}), self.matrix, {}), Activation::none)),
      CASE(normed(self, reshape(filtered(self, x), {x.dim(0), -1, 4}), Activation::none)),
      CASE(layer_norm(filtered(self, x), self.scale, self.shift, 0.2)),
      CASE(group_norm(filtered(self, x), self.scale, self.shift, 2, 0.2)),
      CASE(group_norm(x, {}, {}, 3, 0.2)),
      CASE(group_norm(linear(mean(x, {1, 2}), self.matrix, {}), self.scale, self.shift, 2, 0.2)),
      // Pooling.
      CASE(max_pool2d(x)),
      CASE(max_pool2d(x, {.kernel = {3, 2}, .stride = {2, 1}, .padding = {1, 1}, .dilation = {1, 2}})),
      CASE(max_pool2d(x, {.kernel = {2, 2}, .ceil_mode = true})),
      CASE(max_pool2d(x, {.kernel = {3, 3}, .same_padding = true})),
      CASE(avg_pool2d(x)),
      CASE(avg_pool2d(x, {.kernel = {3, 3}, .stride = {1, 2}, .padding = {1, 1}})),
      CASE(avg_pool2d(x, {.kernel = {3, 3}, .padding = {1, 1}, .count_padding = false})),
      CASE(avg_pool2d(x, {.kernel = {2, 2}, .ceil_mode = true})),
      CASE(avg_pool2d(x, {.kernel = {3, 3}, .stride = {3, 3}, .padding = {1, 1}, .ceil_mode = true})),
      CASE(global_avg_pool2d(x)),
      CASE(adaptive_avg_pool2d(x, {1, 1})),
      CASE(adaptive_avg_pool2d(x, {2, 3})),
      CASE(adaptive_max_pool2d(x, {3, 4})),
      CASE(adaptive_avg_pool2d(x, {5, 7})),
      // Layout.
      CASE(slice(slice(x, 1, 0, 5, 2), 2, 1, 6, 3)),
      CASE(slice(x, 3, 1, 3)),
      CASE(slice(x, 0, 0, x.dim(0))),
      CASE(pad(x, {{0, 0}, {1, 2}, {0, 3}, {2, 1}}, 0.5)),
      CASE(where(chessboard({5, 7, 3}), x, x * 2)),
      CASE(where(chessboard({5, 7, 1}), x, Function::random({3}, 6))),
      CASE(where(chessboard({3}), Tensor::scalar(0.5), x)),
      CASE(where(chessboard({1, 5, 7, 3}), mean(x, {1, 2}, keep_dims), x)),
      CASE(where(chessboard({5, 7, 3}), reshape(mean(x, {1, 2}), {x.dim(0), 1, 1, 3}), Tensor::scalar(2))),
      CASE(where(chessboard({105}), flatten(x), flatten(x) * 2)),
      CASE(where(chessboard({2, 1, 105}), flatten(x), Tensor::scalar(1))),
      CASE(concat({x, x * 2, relu(x)}, 3)),
      CASE(concat({x, x}, 1)),
      CASE(transpose(x, {0, 3, 1, 2})),
      CASE(transpose(x)),
      CASE(reshape(x, {x.dim(0), 7, 15})),
      CASE(reshape(x, {x.dim(0) * 5, 21})),
      CASE(reshape(x, {-1})),
      CASE(flatten(x)),
      CASE(flatten(x, 2)),
      // Reductions.
      CASE(sum(x, {3})),
      CASE(sum(x, {1, 2})),
      CASE(mean(x, {1})),
      CASE(mean(x, {1, 3}, keep_dims)),
      CASE(mean(x, {0})),
      CASE(max(x, {2, 3})),
      CASE(max(x, {2})),
      CASE(logsumexp(x, {1, 2, 3})),
      CASE(sum(x) * 1),
      CASE(softmax(x, 3)),
      CASE(softmax(x, 1)),
      CASE(log_softmax(x, -2)),
      CASE(log_softmax(mean(x, {1, 2}))),
  };
  return all;
}

BOOST_AUTO_TEST_SUITE(onnx_ops)

BOOST_AUTO_TEST_CASE(every_op_of_the_table_computes_what_ebb_does) {
  const Shape image{5, 7, 3};
  std::set<std::string> seen;
  for (const Case& c : cases()) {
    Function model(c.forward);
    const std::string bytes = standardised(model, image);
    // Results of one number for all images have no batch to be of another size.
    for (const std::int64_t count : {1, 2, 5})
      BOOST_TEST(distance(model, bytes, some_images(image, count)) < rounding, c.what << " of " << count);
    BOOST_TEST(distance(model, standardised(model, image, {.batch = 4}), some_images(image, 4)) < rounding, c.what);
    for (const detail::RecordedOp& op : detail::recorded_pass(model, image, 0).ops) seen.insert(op.op);
  }
  std::vector<std::string> rows;
  for (const OnnxOp& op : detail::onnx_elementwise_ops()) rows.push_back(op.op);
  for (const auto& family : {detail::onnx_image_rows(), detail::onnx_shape_rows()})
    for (const detail::OnnxRow& row : family) rows.emplace_back(row.op);
  for (const std::string& row : rows) BOOST_TEST(seen.contains(row), "no case has " << row);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
