// Networks at the edge of what can be audited: nothing crashes, hangs or is claimed in vain.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <ctime>

#include "framework/compute/basic.h"
#include "framework/nn/activations.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/dropout.h"
#include "framework/nn/layer_norm.h"
#include "framework/nn/linear.h"
#include "framework/nn/pooling.h"
#include "framework/nn/sequential.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/loss.h"
#include "lab/audit/audit.h"
#include "optim/sgd.h"

namespace ebb {
namespace {

Tensor numbers(const Shape& shape) {
  Tensor out(shape, DType::f32);
  fill_normal(out, Rng(3), 0, 1);
  return out;
}

Tensor labels(std::int64_t count) {
  Tensor out = Tensor::zeros({count}, DType::i64);
  for (std::int64_t i = 0; i < count; ++i) out.mutable_data<std::int64_t>()[i] = i % 3;
  return out;
}

// No symmetry is called one that the probe denies, and none is missed.
Audit sound(Layer& net, const Tensor& x) {
  const Sgd optimizer(net, {.lr = 0.1, .decay = decoupled_lr(0.01)});
  Audit found = audit(net, x, labels(x.dim(0)), &optimizer);
  for (const std::string& p : found.problems) BOOST_ERROR(p);
  BOOST_TEST(found.svg().ends_with("</svg>\n"));
  BOOST_TEST(!found.json().empty());
  return found;
}

struct Net : Layer {
  Var forward(const Var& x) override { return body(x); }
  std::function<Var(const Var&)> body;
};

BOOST_AUTO_TEST_SUITE(audited_extremes)

BOOST_AUTO_TEST_CASE(a_norm_of_one_channel) {
  Sequential net{Rng(1)};
  net.add<Conv2d>("conv", {.in = 2, .out = 1, .bias = true});
  net.add<BatchNorm2d>("bn", {.channels = 1});
  net.add<ReLU>("relu");
  net.add<GlobalAvgPool2d>("pool");
  net.add<Linear>("fc", {.in = 1, .out = 3});
  const Audit found = sound(net, numbers({4, 5, 5, 2}));
  BOOST_TEST(name(found.rows[0].position) == "feeds_norm");
  BOOST_TEST(name(found.rows[1].position) == "cancelled");
}

BOOST_AUTO_TEST_CASE(a_layer_norm_of_one_channel_which_makes_all_of_it_a_constant) {
  Sequential net{Rng(1)};
  net.add<Linear>("a", {.in = 2, .out = 1});
  net.add<LayerNorm>("ln", {.size = 1});
  net.add<Linear>("b", {.in = 1, .out = 3});
  const Audit found = sound(net, numbers({4, 2}));
  BOOST_TEST(found.rows.size() == 6u);
}

// A variance near eps hides what small scales do, and relu6 what large ones do.
BOOST_AUTO_TEST_CASE(a_variance_near_eps_in_front_of_what_saturates) {
  Sequential net{Rng(1)};
  net.add<Conv2d>("conv1", {.in = 2, .out = 8, .bias = false});
  net.add<BatchNorm2d>("bn1", {.channels = 8});
  net.add<ReLU6>("act1");
  net.add<Conv2d>("conv2", {.in = 8, .out = 8, .bias = false});
  net.add<BatchNorm2d>("bn2", {.channels = 8});
  net.add<ReLU6>("act2");
  net.add<GlobalAvgPool2d>("pool");
  net.add<Linear>("fc", {.in = 8, .out = 3});
  Tensor x = numbers({8, 6, 6, 2});
  for (float& value : x.mutable_span<float>()) value *= 0.005F;
  const Audit found = sound(net, x);
  BOOST_TEST(name(found.rows[0].position) == "feeds_norm");
}

BOOST_AUTO_TEST_CASE(a_batch_of_one) {
  Sequential net{Rng(1)};
  net.add<Conv2d>("conv", {.in = 2, .out = 4, .bias = false});
  net.add<BatchNorm2d>("bn", {.channels = 4});
  net.add<ReLU>("relu");
  net.add<GlobalAvgPool2d>("pool");
  net.add<Linear>("fc", {.in = 4, .out = 3});
  BOOST_TEST(name(sound(net, numbers({1, 5, 5, 2})).rows[0].position) == "feeds_norm");
}

BOOST_AUTO_TEST_CASE(dropout_of_nine_tenths_and_of_nearly_all) {
  for (const double p : {0.9, 0.999}) {
    Sequential net{Rng(1)};
    net.add<Linear>("a", {.in = 8, .out = 40});
    net.add<Dropout>("drop", {.p = p});
    net.add<BatchNorm1d>("bn", {.channels = 40});
    net.add<Linear>("b", {.in = 40, .out = 3});
    const Audit found = audit(net, numbers({8, 8}), labels(8));
    BOOST_TEST(name(found.rows[0].position) == "feeds_norm");
    // Whatever is dropped, nothing is called a symmetry that is denied.
    for (const AuditedSymmetry& s : found.symmetries)
      BOOST_TEST((s.probe->confirmed || !s.probe->reason.empty()), text(s.symmetry) << ": " << s.probe->change);
  }
}

BOOST_AUTO_TEST_CASE(two_hundred_layers) {
  Sequential net{Rng(1)};
  for (int i = 0; i < 200; ++i) {
    net.add<Linear>(text("fc", i), {.in = 4, .out = 4, .bias = false});
    net.add<BatchNorm1d>(text("bn", i), {.channels = 4});
    net.add<ReLU>(text("relu", i));
  }
  net.add<Linear>("head", {.in = 4, .out = 3});
  const std::clock_t begin = std::clock();
  const Audit found = audit(net, numbers({8, 4}), labels(8), nullptr, {.probe = false});
  BOOST_TEST(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC < 10);
  std::size_t feeds = 0, joint = 0;
  for (const AuditRow& row : found.rows) {
    feeds += row.position == Position::feeds_norm ? 1u : 0u;
    joint += row.position == Position::joint_gain ? 1u : 0u;
  }
  BOOST_TEST(feeds == 200u);
  BOOST_TEST(joint == 398u);
}

BOOST_AUTO_TEST_CASE(a_chain_of_products_that_double_at_every_one) {
  Net net;
  const Rng rng(1);
  Child<Linear> a{net, "a", {.in = 4, .out = 4}, rng}, b{net, "b", {.in = 4, .out = 3}, rng};
  Child<BatchNorm1d> bn{net, "bn", {.channels = 4}};
  net.body = [&](const Var& x) {
    Var y = bn(a(x));
    for (int i = 0; i < 64; ++i) y = mul(y, sigmoid(y));
    return b(y);
  };
  const Audit found = audit(net, numbers({6, 4}), labels(6), nullptr, {.probe = false});
  BOOST_TEST(name(found.rows[0].position) == "feeds_norm");
}

BOOST_AUTO_TEST_CASE(one_weight_tied_fifty_times) {
  Net net;
  const Rng rng(1);
  Child<Linear> a{net, "a", {.in = 4, .out = 4}, rng}, b{net, "b", {.in = 4, .out = 3}, rng};
  net.body = [&](const Var& x) {
    Var y = x;
    for (int i = 0; i < 50; ++i) y = relu(a(y));
    return b(y);
  };
  const Audit found = sound(net, numbers({6, 4}));
  BOOST_TEST(name(found.rows[0].position) == "tied");
  BOOST_TEST(name(found.rows[2].position) == "head");
}

BOOST_AUTO_TEST_CASE(weights_of_zero_and_inputs_that_are_all_equal) {
  Sequential net{Rng(1)};
  net.add<Linear>("a", {.in = 4, .out = 4});
  net.add<BatchNorm1d>("bn", {.channels = 4});
  net.add<Linear>("b", {.in = 4, .out = 3});
  for (Parameter* const p : net.parameters()) fill(p->value(), 0);
  const Audit found = audit(net, Tensor::full({6, 4}, 2), labels(6));
  BOOST_TEST(name(found.rows[0].position) == "feeds_norm");
  BOOST_TEST(found.rows[0].norm == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
