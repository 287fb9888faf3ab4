// What padding, pooling and their windows let through, with answers written by hand.
#include <boost/test/unit_test.hpp>

#include "framework/nn/activations.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/dropout.h"
#include "framework/nn/linear.h"
#include "framework/nn/pooling.h"
#include "framework/nn/sequential.h"
#include "framework/ops/reduction.h"
#include "framework/ops/shape.h"
#include "tests/lab/audit/networks.h"

namespace ebb {
namespace {

using namespace test;

BOOST_AUTO_TEST_SUITE(audited_graphs)

BOOST_AUTO_TEST_CASE(a_shift_before_a_linear_bottleneck_is_inert_unless_it_is_padded) {
  // Same padding of a filter of 2x2 is a row below and a column on the right, and none before them.
  const Conv2dOptions behind{.in = 4, .out = 3, .kernel = {2, 2}, .same_padding = true, .bias = false};
  const Conv2dOptions same_as_none{.in = 4, .out = 3, .kernel = {1, 1}, .same_padding = true, .bias = false};
  const std::pair<Conv2dOptions, bool> all[] = {
      {conv(4, 3, false, 1, 0), false}, {conv(4, 3), true}, {behind, true}, {same_as_none, false}};
  for (const auto& [options, padded] : all) {
    Sequential net{Rng(1)};
    net.add<Conv2d>("conv1", conv(2, 4));
    net.add<BatchNorm2d>("bn1", {.channels = 4});
    net.add<Conv2d>("conv2", options);
    net.add<BatchNorm2d>("bn2", {.channels = 3});
    net.add<ReLU>("relu");
    net.add<GlobalAvgPool2d>("pool");
    net.add<Linear>("fc", {.in = 3, .out = classes});
    const Audit found = sound_audit(net);
    const std::string wanted = padded ? "bn1.scale joint_gain, whole\nbn1.shift joint_gain, whole\n"
                                      : "bn1.scale joint_gain, whole\nbn1.shift cancelled, channel\n";
    BOOST_TEST(answer(found).find(wanted) != std::string::npos, answer(found));
  }
}

BOOST_AUTO_TEST_CASE(pooling_by_windows_of_every_kind_before_a_norm) {
  const PoolGeometry cut{.kernel = {2, 2}, .ceil_mode = true}, same{.kernel = {2, 2}, .same_padding = true};
  const std::tuple<const char*, std::function<Var(const Var&)>, const char*> all[] = {
      {"adaptive maximum",
       [](const Var& x) {
         return adaptive_max_pool2d(x, {3, 2});
       },
       "cancelled"},
      {"adaptive mean",
       [](const Var& x) {
         return adaptive_avg_pool2d(x, {3, 2});
       },
       "cancelled"},
      {"cut-off windows", [&](const Var& x) { return avg_pool2d(x, cut); }, "cancelled"},
      {"padded maximum", [&](const Var& x) { return max_pool2d(x, same); }, "cancelled"},
      {"padded mean", [&](const Var& x) { return avg_pool2d(x, same); }, "feeds_norm"},
  };
  for (const auto& [name, pool, bias] : all) {
    Net net;
    const Rng rng(1);
    Child<Conv2d> stem{net, "stem", conv(2, 3, true), rng};
    Child<BatchNorm2d> bn{net, "bn", {.channels = 3}};
    Child<Linear> fc{net, "fc", {.in = 3, .out = classes}, rng};
    net.body = [&, &pool = pool](const Var& x) { return fc(mean(relu(bn(pool(stem(x)))), {1, 2})); };
    const Audit found = sound_audit(net);
    const std::string wanted = text("stem.weight feeds_norm, channel\nstem.bias ", bias, ", channel\n");
    BOOST_TEST(answer(found).find(wanted) == 0u, name << ": " << answer(found));
  }
}

BOOST_AUTO_TEST_CASE(pooling_concatenation_and_dropout_before_a_norm) {
  Net net;
  const Rng rng(1);
  Child<Conv2d> a{net, "a", conv(2, 2, true), rng}, b{net, "b", conv(2, 3, true), rng};
  Child<Dropout> drop{net, "drop", {.p = 0.25}, rng};
  Child<BatchNorm2d> bn{net, "bn", {.channels = 5}};
  Child<Linear> fc{net, "fc", {.in = 5, .out = classes}, rng};
  net.body = [&](const Var& x) {
    const Var left = max_pool2d(a(x), {.kernel = {2, 2}}), right = avg_pool2d(drop(b(x)), {.kernel = {2, 2}});
    return fc(mean(relu(bn(concat({left, right}, 3))), {1, 2}));
  };
  const Audit found = sound_audit(net);
  // A shift passes max pooling, but not dropout.
  BOOST_TEST(answer(found).find("a.weight feeds_norm, channel\na.bias cancelled, channel\n"
                                "b.weight feeds_norm, channel\nb.bias feeds_norm, channel\n") == 0u,
             answer(found));
  BOOST_TEST(symmetries(found).find("b.weight x c, b.bias x c, by channel (3)") != std::string::npos,
             symmetries(found));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
