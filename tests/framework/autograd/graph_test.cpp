// What the tape shows of its graph.
#include <boost/test/unit_test.hpp>

#include "framework/autograd/tape.h"
#include "framework/compute/basic.h"
#include "framework/ops/activation.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/convolution.h"
#include "framework/ops/loss.h"
#include "framework/ops/normalization.h"
#include "framework/ops/pooling.h"
#include "framework/ops/reduction.h"
#include "framework/ops/shape.h"
#include "tests/support/errors.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

using test::fails_with;

// The names of the values of a tape, in their order.
std::string names(const Tape& tape) {
  std::string out;
  for (std::size_t i = 0; i < tape.size(); ++i) out.append(i == 0 ? "" : " ").append(tape.node(i).op);
  return out;
}

Tensor images(std::int64_t channels) {
  Tensor x({2, 4, 4, channels}, DType::f64);
  fill_normal(x, Rng(3), 0, 1);
  return x;
}

struct Block {
  Parameter filter{"filter", Role::weight, images(3).reshape({2, 4, 3, 4})};
  Parameter scale{"scale", Role::norm_scale, Tensor::full({4}, 1, DType::f64)};
  Parameter shift{"shift", Role::norm_shift, Tensor::zeros({4}, DType::f64)};
  BatchNormState state{.running_mean = Tensor::zeros({4}, DType::f64),
                       .running_variance = Tensor::full({4}, 1, DType::f64),
                       .batch_mean = {},
                       .batch_variance = {}};
};

BOOST_AUTO_TEST_SUITE(tape_graph)

BOOST_AUTO_TEST_CASE(values_name_their_op_inputs_parameter_and_shape) {
  Block block;
  Tape tape;
  const Var x = images(3);
  const Var y = conv2d(x, block.filter, {}, {.padding = {2, 0}});
  const Var z = y + tape.input(Tensor::zeros({4}, DType::f64));
  BOOST_TEST(names(tape) == "parameter conv2d input add");
  BOOST_TEST(tape.node(0).parameter == &block.filter);
  BOOST_TEST((tape.node(0).shape == Shape{2, 4, 3, 4}));
  const TapeNode conv = tape.node(1);
  BOOST_TEST(conv.parameter == nullptr);
  BOOST_REQUIRE(conv.inputs.size() == 2u);
  BOOST_TEST(conv.inputs[0] == -1);  // a constant
  BOOST_TEST(conv.inputs[1] == 0);
  BOOST_TEST((conv.shape == y.shape()));
  BOOST_TEST(tape.number(x) == -1);
  BOOST_TEST(tape.number(y) == 1);
  BOOST_TEST(tape.number(z) == 3);
  BOOST_TEST(tape.node(3).inputs[1] == 2);
  const Tape other;
  BOOST_TEST(other.number(y) == -1);
}

BOOST_AUTO_TEST_CASE(ops_that_apply_an_activation_say_so) {
  Block block;
  Tape tape;
  const Var y = conv2d(images(3), block.filter, {}, {}, {.activation = Activation::relu});
  batch_norm(y, block.scale, block.shift, block.state, {.activation = Activation::relu});
  batch_norm(y, block.scale, block.shift, block.state);
  BOOST_TEST(names(tape) == "parameter conv2d_relu parameter parameter batch_norm_relu parameter parameter batch_norm");
}

BOOST_AUTO_TEST_CASE(settings_say_what_shapes_cannot) {
  Block block;
  Tape tape;
  const Var y = conv2d(images(3), block.filter, {}, {.padding = {0, 2}});
  BOOST_TEST(tape.node(1).setting("padding") == 2);
  BOOST_TEST(tape.node(1).setting("groups") == 1);
  BOOST_TEST(tape.node(1).setting("eps", -1) == -1);
  const auto last = [&] { return tape.node(tape.size() - 1); };
  batch_norm(y, block.scale, block.shift, block.state, {.eps = 0.25});
  BOOST_TEST(last().setting("training") == 1);
  BOOST_TEST(last().setting("eps") == 0.25);
  batch_norm(y, block.scale, block.shift, block.state, {.training = false});
  BOOST_TEST(last().setting("training", -1) == 0);
  group_norm(y, block.scale, block.shift, 2, 0.5);
  BOOST_TEST(last().setting("groups") == 2);
  BOOST_TEST(last().setting("eps") == 0.5);
  layer_norm(y, block.scale, block.shift, 0.125);
  BOOST_TEST(last().setting("eps") == 0.125);
  max_pool2d(y, {.kernel = {2, 2}, .padding = {1, 0}});
  BOOST_TEST(last().setting("padding") == 1);
  avg_pool2d(y, {.kernel = {2, 2}});
  BOOST_TEST(last().setting("padding", -1) == 0);
  mean(y, {1, 2});
  BOOST_TEST(last().setting("axes") == 6);
  slice(y, -1, 1, 4, 2);
  BOOST_TEST(last().setting("axis") == 3);
  BOOST_TEST(last().setting("begin") == 1);
  BOOST_TEST(last().setting("step") == 2);
  concat({y, y}, 0);
  BOOST_TEST(last().setting("axis", -1) == 0);
  transpose(y, {0, 3, 1, 2});
  BOOST_REQUIRE(last().settings.size() == 4u);
  for (const auto& [axis, from] : {std::pair{0, 0}, {1, 3}, {2, 1}, {3, 2}})
    BOOST_TEST(last().settings[static_cast<std::size_t>(axis)].value == from);
}

// The values of all settings of this name.
std::vector<double> all(const TapeNode& node, std::string_view name) {
  std::vector<double> out;
  for (const OpSetting& setting : node.settings)
    if (setting.name == name) out.push_back(setting.value);
  return out;
}

// Someone who looks on.
struct Observer : detail::OpObserver {
  Observer() { detail::op_observer = this; }
  ~Observer() override { detail::op_observer = nullptr; }
  void forward(const char*, std::size_t, std::span<const Var>, const Tensor&) override {}
  void backward(const char*, std::size_t, const Tensor&) override {}
};

// Enough to compute an op again elsewhere: what shapes leave open stands in the graph, an axis after the other.
BOOST_AUTO_TEST_CASE(settings_tell_windows_and_terms_to_those_who_observe) {
  using Numbers = std::vector<double>;
  Block block;
  Tape tape;
  const Observer observer;
  const Var x = tape.input(images(3));
  const auto last = [&](std::string_view name) { return all(tape.node(tape.size() - 1), name); };
  conv2d(x, block.filter, {}, {.stride = {2, 1}, .padding = {0, 2}, .dilation = {1, 2}});
  BOOST_TEST(last("stride") == (Numbers{2, 1}), boost::test_tools::per_element());
  BOOST_TEST(last("before") == (Numbers{0, 2}), boost::test_tools::per_element());
  BOOST_TEST(last("dilation") == (Numbers{1, 2}), boost::test_tools::per_element());
  conv2d(x, block.filter, {}, {.same_padding = true});  // 2 and 4 taps
  BOOST_TEST(last("before") == (Numbers{0, 1}), boost::test_tools::per_element());
  BOOST_TEST(last("behind") == (Numbers{1, 2}), boost::test_tools::per_element());
  max_pool2d(x, {.kernel = {2, 3}, .stride = {1, 2}, .padding = {1, 0}, .dilation = {1, 1}});
  BOOST_TEST(last("kernel") == (Numbers{2, 3}), boost::test_tools::per_element());
  BOOST_TEST(last("stride") == (Numbers{1, 2}), boost::test_tools::per_element());
  BOOST_TEST(last("behind") == (Numbers{1, 0}), boost::test_tools::per_element());
  avg_pool2d(x, {.count_padding = false});
  BOOST_TEST(last("count_padding") == Numbers{0}, boost::test_tools::per_element());
  leaky_relu(x, 0.25);
  BOOST_TEST(last("slope") == Numbers{0.25}, boost::test_tools::per_element());
  elu(x, 0.5);
  BOOST_TEST(last("alpha") == Numbers{0.5}, boost::test_tools::per_element());
  clamp(x, -1, 2);
  BOOST_TEST(last("low") == Numbers{-1}, boost::test_tools::per_element());
  BOOST_TEST(last("high") == Numbers{2}, boost::test_tools::per_element());
  gelu(x, Gelu::tanh);
  BOOST_TEST(last("tanh") == Numbers{1}, boost::test_tools::per_element());
  gelu(x);
  BOOST_TEST(last("tanh").empty());
  log_softmax(x, -2);
  BOOST_TEST(last("axis") == Numbers{2}, boost::test_tools::per_element());
  conv_transpose2d(x, Tensor::zeros({2, 2, x.dim(3), 1}, x.dtype()), {}, {.stride = {2, 3}, .output_padding = {1, 0}});
  BOOST_TEST(last("stride") == (Numbers{2, 3}), boost::test_tools::per_element());
  BOOST_TEST(last("output_padding") == (Numbers{1, 0}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_graph_is_there_until_backward) {
  Block block;
  Tape tape;
  const Var loss = sum(Var(block.scale) * block.shift);
  const std::size_t size = tape.size();
  BOOST_TEST(fails_with({"value", "below"}, [&] { tape.node(size); }));
  BOOST_TEST(std::string(tape.node(size - 1).op) == "sum");
  tape.backward(loss);
  BOOST_TEST(fails_with({"after backward()"}, [&] { tape.node(0); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
