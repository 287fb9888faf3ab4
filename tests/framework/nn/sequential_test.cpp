#include "framework/nn/sequential.h"

#include "framework/nn/activations.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/flatten.h"
#include "framework/nn/linear.h"
#include "framework/nn/pooling.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/reduction.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

using test::close;
using test::error_of;
using test::random;
using test::same_bits;

// Doubles its input; a layer of a user with a constructor of its own.
class Twice : public Layer {
 public:
  explicit Twice(const Rng& rng) : key(rng.key()) {}
  Var forward(const Var& x) override { return x * 2.0; }
  std::uint64_t key;
};

// Not a ReLU, though derived from one.
class Negated : public ReLU {
 public:
  Var forward(const Var& x) override { return -ReLU::forward(x); }
};

void add_layers(Sequential& net) {
  net.add<Conv2d>("conv1", {.in = 3, .out = 8, .padding = {1, 1}, .bias = false});
  net.add<BatchNorm2d>("bn1", {.channels = 8});
  net.add<ReLU>();
  net.add<MaxPool2d>();
  net.add<Conv2d>("conv2", {.in = 8, .out = 5});
  net.add<BatchNorm2d>("bn2", {.channels = 5, .activation = Activation::relu});
  net.add<Conv2d>("conv3", {.in = 5, .out = 4, .kernel = {1, 1}});
  net.add<ReLU>();
  net.add<GlobalAvgPool2d>();
  net.add<BatchNorm1d>("bn3", {.channels = 4});
  net.add<ReLU>("last");
}

BOOST_AUTO_TEST_SUITE(sequential)

BOOST_AUTO_TEST_CASE(names_default_to_the_index) {
  Sequential net{Rng(4)};
  auto& first = net.add<Linear>({.in = 2, .out = 3});
  net.add<ReLU>();
  net.add<Twice>("twice");
  const std::string name = "copy";
  net.add(name, std::make_unique<Linear>(LinearOptions{.in = 3, .out = 1}, net.rng().at(name)));
  net.add<Twice>();
  std::string paths;
  for (const NamedModule& m : net.named_modules()) paths += m.path + ' ' + m.module->type() + ", ";
  BOOST_TEST(paths == " Sequential, 0 Linear, 1 ReLU, twice Twice, copy Linear, 4 Twice, ");
  BOOST_TEST(net.size() == 5);
  BOOST_TEST(&net.at(0) == &first);
  BOOST_TEST(dynamic_cast<Twice&>(net.at(2)).key == Rng(4).at("twice").key());
  BOOST_TEST(dynamic_cast<Twice&>(net.at(4)).key == Rng(4).at("4").key());
  BOOST_TEST(error_of([&] { net.at(5); }).find("layer 5") != std::string::npos);
  BOOST_TEST(error_of([&] { net.add<ReLU>("twice"); }).find("\"twice\" twice") != std::string::npos);
  BOOST_TEST(error_of([&] { net.add("none", std::unique_ptr<Layer>()); }).find("no layer in place 5") !=
             std::string::npos);
  BOOST_TEST(net.size() == 5);
  const Tensor x = random({3, 2}, 1);
  BOOST_TEST((net(x).shape() == Shape{3, 1}));
  BOOST_TEST(Sequential(Rng(1))(x).value().shares(x));
}

BOOST_AUTO_TEST_CASE(a_wrong_shape_is_told_with_the_path_of_its_layer) {
  Sequential net{Rng(1)};
  net.add<Linear>("first", {.in = 4, .out = 8});
  auto inner = std::make_unique<Sequential>(Rng(2));
  inner->add<Linear>({.in = 9, .out = 2});
  net.add("head", std::move(inner));
  const auto says = [](const std::string& start) {
    return [start](const Error& error) { return std::string(error.what()).starts_with(start); };
  };
  const Var x(Tensor::zeros({3, 4}));
  BOOST_CHECK_EXCEPTION(net(x), Error, says("[linear in head.0] got "));
  // Layers that are merged with their neighbours, each.
  Sequential merged{Rng(3)};
  merged.add<Conv2d>({.in = 2, .out = 3});
  merged.add<BatchNorm2d>("bn", {.channels = 4});
  merged.add<ReLU>();
  BOOST_CHECK_EXCEPTION(merged(Var(Tensor::zeros({1, 5, 5, 3}))), Error, says("[conv2d in 0] got "));
  BOOST_CHECK_EXCEPTION(merged(Var(Tensor::zeros({1, 5, 5, 2}))), Error, says("[batch_norm in bn] got "));
  Sequential pair{Rng(3)};
  pair.add<Conv2d>("c", {.in = 2, .out = 3});
  pair.add<ReLU>();
  BOOST_CHECK_EXCEPTION(pair(Var(Tensor::zeros({1, 5, 5, 3}))), Error, says("[conv2d in c] got "));
  // Alone it has no name; a tape that records changes nothing.
  Linear alone({.in = 9, .out = 2}, Rng(1));
  BOOST_CHECK_EXCEPTION(alone(x), Error, says("[linear] got "));
  Tape tape;
  BOOST_CHECK_EXCEPTION(net(x), Error, says("[linear in head.0] got "));
}

BOOST_AUTO_TEST_CASE(merged_equals_plain) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const double tolerance = dtype == DType::f32 ? 2e-5 : 1e-12;
    Sequential merged{Rng(6)};
    Sequential plain{Rng(6)};
    add_layers(merged);
    add_layers(plain);
    plain.merge(false);
    merged.to(dtype);
    plain.to(dtype);
    for (std::uint64_t step = 0; step < 3; ++step) {
      const Tensor x = random({4, 9, 9, 3}, step, -1, 2, dtype);
      const Tensor weights = random({4, 4}, 50 + step, -1, 1, dtype);
      std::array<Tensor, 2> outputs;
      std::array<Tensor, 2> gradients;
      for (std::size_t i = 0; i < 2; ++i) {
        Sequential& net = i == 0 ? merged : plain;
        Tape tape;
        const Var input = tape.input(x);
        const Var y = net(input);
        tape.backward(sum(y * Var(weights)));
        outputs[i] = y.value();
        gradients[i] = tape.gradient(input);
      }
      BOOST_TEST(close(outputs[0], outputs[1], tolerance));
      BOOST_TEST(close(gradients[0], gradients[1], tolerance));
    }
    const std::vector<NamedParameter> parameters = plain.named_parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      // Gradients of biases in front of a norm are rounding.
      BOOST_TEST(close(merged.parameters()[i]->grad(), parameters[i].parameter->grad(), tolerance, tolerance),
                 parameters[i].path);
    }
    const State want = plain.state();
    for (const auto& entry : merged.state())
      BOOST_TEST(close(entry.second, want.at(entry.first), tolerance), entry.first);
    merged.eval();
    plain.eval();
    const Tensor x = random({1, 9, 9, 3}, 77, -1, 2, dtype);
    BOOST_TEST(close(merged(x).value(), plain(x).value(), tolerance));
  }
}

// With running statistics and no tape the norm is folded into the filters; a tape keeps the two apart.
BOOST_AUTO_TEST_CASE(folded_equals_plain) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const bool affine : {true, false})
      for (const bool bias : {true, false}) {
        Sequential net{Rng(6)};
        net.add<Conv2d>("conv", {.in = 3, .out = 5, .stride = {2, 2}, .padding = {1, 1}, .bias = bias});
        auto& norm = net.add<BatchNorm2d>("bn", {.channels = 5, .eps = 0, .affine = affine});
        net.add<ReLU>();
        net.to(dtype);
        net.eval();
        const auto fill = [&](Tensor& values, std::uint64_t seed, double low, double high) {
          values = random({5}, seed, low, high, dtype);
        };
        fill(norm.running_mean->value(), 1, -2, 2);
        fill(norm.running_variance->value(), 2, 0.01, 3);
        dispatch("test", dtype,
                 [&](auto zero) { norm.running_variance->value().mutable_data<decltype(zero)>()[3] = 0; });
        if (affine) {
          fill(norm.scale->value(), 3, -2, 2);
          fill(norm.shift->value(), 4, -2, 2);
        }
        const Tensor x = random({4, 9, 8, 3}, 5, -1, 2, dtype);
        Tensor plain;
        {
          Tape tape;
          plain = net(tape.input(x)).value();
        }
        BOOST_TEST(close(net(x).value(), plain, dtype == DType::f32 ? 1e-5 : 1e-13));
      }
}

BOOST_AUTO_TEST_CASE(merging_records_fewer_values) {
  Sequential net{Rng(6)};
  add_layers(net);
  const Tensor x = random({4, 9, 9, 3}, 1);
  const auto recorded = [&] {
    Tape tape;
    net(x);
    return tape.size();
  };
  const std::size_t merged = recorded();
  net.merge(false);
  BOOST_TEST(recorded() == merged + 3);  // the ReLUs behind bn1 and bn3
}

BOOST_AUTO_TEST_CASE(only_exact_types_merge) {
  Sequential net{Rng(1)};
  net.add<BatchNorm1d>("bn", {.channels = 3});
  net.add<Negated>("negated");
  const Tensor y = net(random({8, 3}, 1)).value();
  BOOST_TEST(max_abs(y) > 0.1);
  bool negative = true;
  for (const float v : y.span<float>()) negative = negative && v <= 0;
  BOOST_TEST(negative);
}

// Built from the inside out and from the outside in; used, and taken apart again.
BOOST_AUTO_TEST_CASE(modules_nest_a_thousand_times_and_no_more) {
  constexpr int most = 1000;
  const Tensor x = random({2, 3}, 1, -1, 1);
  const auto use = [&](Sequential& net) {
    Tape tape;
    const Var in = tape.input(x), y = net(in);
    tape.backward(sum(y));
    BOOST_TEST(same_bits(y.value(), relu(x).value()));
    BOOST_TEST(max_abs(tape.gradient(in)) == 1);
    BOOST_TEST(net.named_modules().size() == static_cast<std::size_t>(most));
    net.eval();
    net.train();
  };
  auto inside = std::make_unique<Sequential>(Rng(1));
  inside->add<ReLU>("r");
  for (int i = 2; i < most; ++i) {
    auto outside = std::make_unique<Sequential>(Rng(1));
    outside->add("s", std::move(inside));
    inside = std::move(outside);
  }
  use(*inside);
  const std::string refused = error_of([&] {
    Sequential one{Rng(1)};
    one.add("s", std::move(inside));
  });
  BOOST_TEST(refused.find("1001 modules stand inside one another; wanted at most 1000") != std::string::npos, refused);

  Sequential outside{Rng(1)};
  Sequential* last = &outside;
  for (int i = 2; i < most; ++i) last = &last->add<Sequential>("s");
  last->add<ReLU>("r");
  use(outside);
  auto& beside = last->add<Sequential>("beside");
  BOOST_TEST(error_of([&] { beside.add<ReLU>("r"); }).find("1001 modules") != std::string::npos);
  BOOST_TEST(beside.named_modules().size() == 1u);
}

BOOST_AUTO_TEST_CASE(many_layers_behind_one_another) {
  Sequential net{Rng(1)};
  for (int i = 0; i < 20000; ++i) net.add<Flatten>();
  BOOST_TEST(net.size() == 20000);
  const Tensor x = random({2, 3}, 1);
  BOOST_TEST(same_bits(net(x).value(), x));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
