// Networks made to mislead, with answers written by hand: none missed, none invented.
#include <boost/test/unit_test.hpp>
#include <set>

#include "framework/compute/basic.h"
#include "framework/nn/activations.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/embedding.h"
#include "framework/nn/flatten.h"
#include "framework/nn/group_norm.h"
#include "framework/nn/layer_norm.h"
#include "framework/nn/linear.h"
#include "framework/nn/pooling.h"
#include "framework/nn/sequential.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/loss.h"
#include "framework/ops/reduction.h"
#include "framework/ops/shape.h"
#include "lab/audit/audit.h"
#include "tests/lab/audit/networks.h"

namespace ebb {
namespace {

using namespace test;

BOOST_AUTO_TEST_SUITE(audited_graphs)

BOOST_AUTO_TEST_CASE(convolution_norm_relu_head) {
  Sequential net{Rng(1)};
  net.add<Conv2d>("conv", conv(2, 4, true));
  net.add<BatchNorm2d>("bn", {.channels = 4});
  net.add<ReLU>("relu");
  net.add<GlobalAvgPool2d>("pool");
  net.add<Linear>("fc", {.in = 4, .out = classes});
  const Audit found = sound_audit(net);
  BOOST_TEST(answer(found) ==
             "conv.weight feeds_norm, channel\n"
             "conv.bias cancelled, channel\n"
             "bn.scale plain\n"
             "bn.shift plain\n"
             "fc.weight head, whole\n"
             "fc.bias head, whole\n");
  BOOST_TEST(symmetries(found) ==
             "conv.weight x c, by channel (4)\n"
             "conv.bias + t, by channel (4)\n"
             "fc.weight + t, as a whole\n"
             "fc.bias + t, as a whole\n");
  BOOST_TEST(symmetries(found, true) == "bn.scale x c, bn.shift x c, fc.weight rows / c, by channel (4)\n");
}

// A number that all logits are divided by leaves what they have in common to all of them.
BOOST_AUTO_TEST_CASE(a_head_whose_logits_are_scaled) {
  Net net;
  Child<Linear> fc{net, "fc", {.in = 50, .out = classes}, Rng(1)};
  net.body = [&](const Var& x) { return 3.0 * (fc(reshape(x, {samples, 50})) / 9); };
  const Audit found = sound_audit(net);
  BOOST_TEST(answer(found) == "fc.weight head, whole\nfc.bias head, whole\n");
  BOOST_TEST(symmetries(found) == "fc.weight + t, as a whole\nfc.bias + t, as a whole\n");
}

BOOST_AUTO_TEST_CASE(fused_and_unfused_relu_are_the_same_network) {
  std::string answers[2];
  for (const bool fused : {false, true}) {
    Net net;
    const Rng rng(1);
    Child<Conv2d> conv1{net, "conv1", conv(2, 4), rng}, conv2{net, "conv2", conv(4, 3), rng};
    Child<BatchNorm2d> bn1{net, "bn1", {.channels = 4}}, bn2{net, "bn2", {.channels = 3}};
    net.body = [&](const Var& x) {
      const Var y = conv1(x);
      return mean(bn2(conv2(fused ? bn1->forward(y, Activation::relu) : relu(bn1(y)))), {1, 2});
    };
    const Audit found = sound_audit(net);
    answers[fused ? 1 : 0] = answer(found) + symmetries(found) + symmetries(found, true);
  }
  BOOST_TEST(answers[0] == answers[1]);
  BOOST_TEST(answers[0].find("bn1.scale joint_gain, whole\nbn1.shift joint_gain, whole\n") != std::string::npos,
             answers[0]);
}

BOOST_AUTO_TEST_CASE(a_skip_around_convolution_and_norm) {
  Net net;
  const Rng rng(1);
  Child<Conv2d> stem{net, "stem", conv(2, 4), rng}, branch{net, "branch", conv(4, 4), rng};
  Child<BatchNorm2d> bn1{net, "bn1", {.channels = 4}}, bn2{net, "bn2", {.channels = 4}};
  Child<Linear> fc{net, "fc", {.in = 4, .out = classes}, rng};
  net.body = [&](const Var& x) {
    const Var stream = relu(bn1(stem(x)));
    return fc(mean(relu(stream + bn2(branch(stream))), {1, 2}));
  };
  const Audit found = sound_audit(net);
  BOOST_TEST(answer(found) ==
             "stem.weight feeds_norm, channel\n"
             "branch.weight feeds_norm, channel\n"
             "bn1.scale residual_gain\nbn1.shift residual_gain\n"
             "bn2.scale residual_gain\nbn2.shift residual_gain\n"
             "fc.weight head, whole\nfc.bias head, whole\n");
}

// What is behind a convolution is weighed by that, and a parameter that is added is no branch.
BOOST_AUTO_TEST_CASE(a_norm_in_front_of_a_convolution_or_of_a_bias_weighs_no_branch) {
  const Rng rng(1);
  const auto position = [](Net& net) {
    for (const AuditRow& row : sound_audit(net).rows)
      if (row.path == "bn.scale") return std::string(name(row.position));
    return std::string("missing");
  };
  Net weighed;
  Child<Conv2d> stem{weighed, "stem", conv(2, 4), rng}, conv2{weighed, "conv2", conv(4, 4), rng},
      side{weighed, "side", conv(2, 4), rng};
  Child<BatchNorm2d> bn{weighed, "bn", {.channels = 4}};
  Child<Linear> fc{weighed, "fc", {.in = 4, .out = classes}, rng};
  weighed.body = [&](const Var& x) { return fc(mean(sigmoid(conv2(sigmoid(bn(stem(x)))) + side(x)), {1, 2})); };
  BOOST_TEST(position(weighed) == "plain");
  weighed.body = [&](const Var& x) { return fc(mean(sigmoid(sigmoid(bn(stem(x))) + conv2(side(x))), {1, 2})); };
  BOOST_TEST(position(weighed) == "residual_gain");

  Net biased;
  Child<Conv2d> first{biased, "first", conv(2, 4), rng};
  Child<BatchNorm2d> norm{biased, "bn", {.channels = 4}};
  Parameter bias{biased, "bias", Role::bias, Tensor::full({4}, 0.25)};
  Child<Linear> head{biased, "head", {.in = 4, .out = classes}, rng};
  biased.body = [&](const Var& x) { return head(mean(sigmoid(sigmoid(norm(first(x))) + Var(bias)), {1, 2})); };
  BOOST_TEST(position(biased) == "plain");
}

BOOST_AUTO_TEST_CASE(branches_added_before_a_norm_are_invariant_together_only) {
  Net net;
  const Rng rng(1);
  Child<Conv2d> left{net, "left", conv(2, 4), rng}, right{net, "right", conv(2, 4), rng};
  Child<BatchNorm2d> bn{net, "bn", {.channels = 4}};
  Child<Linear> fc{net, "fc", {.in = 4, .out = classes}, rng};
  net.body = [&](const Var& x) { return fc(mean(relu(bn(left(x) + right(x))), {1, 2})); };
  const Audit found = sound_audit(net);
  BOOST_TEST(symmetries(found).find("left.weight x c, right.weight x c, by channel (4)\n") == 0u, symmetries(found));
}

BOOST_AUTO_TEST_CASE(one_weight_before_a_norm_and_before_the_head) {
  Net net;
  const Rng rng(1);
  Child<Linear> shared{net, "shared", {.in = 4, .out = 4, .bias = false}, rng};
  Child<BatchNorm1d> bn{net, "bn", {.channels = 4}};
  Child<Linear> fc{net, "fc", {.in = 4, .out = classes}, rng};
  net.body = [&](const Var& x) {
    const Var features = slice(flatten(x, 1), 1, 0, 4);
    return fc(shared(relu(bn(shared(features)))));
  };
  const Audit found = sound_audit(net);
  BOOST_TEST(found.rows[0].path == "shared.weight");
  BOOST_TEST(name(found.rows[0].position) == std::string("tied"));
  BOOST_TEST(symmetries(found).find("shared.weight x c") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(one_weight_before_two_norms) {
  Net net;
  const Rng rng(1);
  Child<Linear> shared{net, "shared", {.in = 4, .out = 4, .bias = false}, rng};
  Child<BatchNorm1d> bn1{net, "bn1", {.channels = 4}}, bn2{net, "bn2", {.channels = 4}};
  Child<Linear> fc{net, "fc", {.in = 4, .out = classes}, rng};
  net.body = [&](const Var& x) { return fc(relu(bn2(shared(relu(bn1(shared(slice(flatten(x, 1), 1, 0, 4)))))))); };
  const Audit found = sound_audit(net);
  BOOST_TEST(answer(found).find("shared.weight feeds_norm, channel\n") == 0u, answer(found));
  BOOST_TEST(answer(found).find("bn1.scale joint_gain, whole\n") != std::string::npos, answer(found));
}

BOOST_AUTO_TEST_CASE(layer_norm_takes_weight_and_bias_as_a_whole) {
  Sequential net{Rng(1)};
  net.add<Flatten>("flat");
  net.add<Linear>("fc1", {.in = 50, .out = 4});
  net.add<LayerNorm>("ln", {.size = 4});
  net.add<ReLU>("relu");
  net.add<Linear>("fc2", {.in = 4, .out = classes});
  const Audit found = sound_audit(net);
  BOOST_TEST(symmetries(found) ==
             "fc1.weight x c, fc1.bias x c, as a whole\n"
             "fc1.weight + t, as a whole\n"
             "fc1.bias + t, as a whole\n"
             "fc2.weight + t, as a whole\n"
             "fc2.bias + t, as a whole\n");
  BOOST_TEST(answer(found).find("fc1.weight feeds_norm, whole\nfc1.bias feeds_norm, whole\n") == 0u, answer(found));
}

BOOST_AUTO_TEST_CASE(group_norm_takes_groups_of_channels) {
  Sequential net{Rng(1)};
  net.add<Conv2d>("conv", conv(2, 4));
  net.add<GroupNorm>("gn", {.groups = 2, .channels = 4});
  net.add<ReLU>("relu");
  net.add<GlobalAvgPool2d>("pool");
  net.add<Linear>("fc", {.in = 4, .out = classes});
  const Audit found = sound_audit(net);
  BOOST_TEST(answer(found).find("conv.weight feeds_norm, group of 2\n") == 0u, answer(found));
}

// Of one place a group has what all its channels share; of pictures it does not.
BOOST_AUTO_TEST_CASE(group_norm_of_vectors_takes_what_their_columns_share) {
  Net net;
  const Rng rng(1);
  Child<Linear> fc1{net, "fc1", {.in = 50, .out = 4}, rng}, fc2{net, "fc2", {.in = 4, .out = classes}, rng};
  Child<GroupNorm> gn{net, "gn", {.groups = 2, .channels = 4}};
  net.body = [&](const Var& x) { return fc2(relu(gn(fc1(flatten(x, 1))))); };
  const Audit found = sound_audit(net);
  BOOST_TEST(symmetries(found) ==
             "fc1.weight x c, fc1.bias x c, by group of 2 (2)\n"
             "fc1.weight + t, as a whole\n"
             "fc1.bias + t, as a whole\n"
             "fc2.weight + t, as a whole\n"
             "fc2.bias + t, as a whole\n");
  Net pictures;
  Child<Conv2d> stem{pictures, "stem", conv(2, 4, true), rng};
  Child<GroupNorm> norm{pictures, "norm", {.groups = 2, .channels = 4}};
  Child<Linear> fc{pictures, "fc", {.in = 4, .out = classes}, rng};
  pictures.body = [&](const Var& x) { return fc(mean(relu(norm(stem(x))), {1, 2})); };
  BOOST_TEST(symmetries(sound_audit(pictures)).find("stem.weight + t") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_depthwise_convolution_keeps_channels_apart) {
  Sequential net{Rng(1)};
  net.add<Conv2d>("conv", conv(2, 4));
  net.add<BatchNorm2d>("bn1", {.channels = 4});
  net.add<ReLU>("relu1");
  net.add<Conv2d>("depthwise", {.in = 4, .out = 4, .padding = {1, 1}, .groups = 4, .bias = false});
  net.add<BatchNorm2d>("bn2", {.channels = 4});
  net.add<ReLU>("relu2");
  net.add<GlobalAvgPool2d>("pool");
  net.add<Linear>("fc", {.in = 4, .out = classes});
  const Audit found = sound_audit(net);
  BOOST_TEST(answer(found).find("bn1.scale joint_gain, channel\nbn1.shift joint_gain, channel\n"
                                "depthwise.weight feeds_norm, channel\n") != std::string::npos,
             answer(found));
}

BOOST_AUTO_TEST_CASE(a_batch_norm_without_scale_and_shift) {
  Sequential net{Rng(1)};
  net.add<Conv2d>("conv", conv(2, 4, true));
  net.add<BatchNorm2d>("bn", {.channels = 4, .affine = false});
  net.add<ReLU>("relu");
  net.add<GlobalAvgPool2d>("pool");
  net.add<Linear>("fc", {.in = 4, .out = classes});
  const Audit found = sound_audit(net);
  BOOST_TEST(answer(found).find("conv.weight feeds_norm, channel\nconv.bias cancelled, channel\nfc.weight head") == 0u,
             answer(found));
  BOOST_TEST(symmetries(found, true).empty(), symmetries(found, true));
}

BOOST_AUTO_TEST_CASE(silu_lets_no_scale_through) {
  Sequential net{Rng(1)};
  net.add<Conv2d>("conv1", conv(2, 4));
  net.add<BatchNorm2d>("bn1", {.channels = 4});
  net.add<SiLU>("silu");
  net.add<Conv2d>("conv2", conv(4, 3));
  net.add<BatchNorm2d>("bn2", {.channels = 3});
  net.add<GlobalAvgPool2d>("pool");
  const Audit found = sound_audit(net);
  BOOST_TEST(
      answer(found).find("bn1.scale plain\nbn1.shift plain\nconv2.weight feeds_norm, channel\n") != std::string::npos,
      answer(found));
}

BOOST_AUTO_TEST_CASE(flattened_images_before_a_norm_of_columns) {
  Net net;
  const Rng rng(1);
  Child<Conv2d> stem{net, "stem", conv(2, 3, true), rng};
  Child<BatchNorm1d> bn{net, "bn", {.channels = 75}};
  Child<Linear> fc{net, "fc", {.in = 75, .out = classes}, rng};
  net.body = [&](const Var& x) { return fc(relu(bn(flatten(stem(x), 1)))); };
  const Audit found = sound_audit(net);
  BOOST_TEST(answer(found).find("stem.weight feeds_norm, channel\nstem.bias cancelled, channel\n") == 0u,
             answer(found));
}

BOOST_AUTO_TEST_CASE(a_norm_in_eval_mode_removes_nothing) {
  Sequential net{Rng(1)};
  net.add<Conv2d>("conv", conv(2, 4, true));
  BatchNorm2d& norm = net.add<BatchNorm2d>("bn", {.channels = 4});
  net.add<ReLU>("relu");
  net.add<GlobalAvgPool2d>("pool");
  net.add<Linear>("fc", {.in = 4, .out = classes});
  norm.eval();
  const Audit found = sound_audit(net);
  BOOST_TEST(answer(found).find("conv.weight plain\nconv.bias plain\n") == 0u, answer(found));
  BOOST_TEST(!norm.training());
  norm.freeze();
  const Audit frozen = sound_audit(net);
  BOOST_TEST(answer(frozen).find("conv.weight plain\nconv.bias plain\nbn.scale unused\nbn.shift unused\n") == 0u,
             answer(frozen));
}

BOOST_AUTO_TEST_CASE(weights_standardised_by_hand) {
  Net net;
  const Rng rng(1);
  Child<Conv2d> stem{net, "stem", conv(2, 4), rng};
  Child<Linear> fc{net, "fc", {.in = 4, .out = classes}, rng};
  net.body = [&](const Var& x) {
    const Var w = stem->weight, centred = w - mean(w, {0, 1, 2}, keep_dims);
    const Var filters = centred / sqrt(mean(square(centred), {0, 1, 2}, keep_dims));
    return fc(mean(relu(stem->apply(x, filters, {})), {1, 2}));
  };
  const Audit found = sound_audit(net);
  BOOST_TEST(answer(found).find("stem.weight feeds_norm, channel\n") == 0u, answer(found));
}

BOOST_AUTO_TEST_CASE(an_op_of_a_user_stops_travel_until_it_is_described) {
  Net net;
  const Rng rng(1);
  Child<Conv2d> conv1{net, "conv1", conv(2, 4), rng};
  Child<BatchNorm2d> bn{net, "bn", {.channels = 4}};
  Child<Linear> fc{net, "fc", {.in = 4, .out = classes}, rng};
  net.body = [&](const Var& x) {
    const Var y = conv1(x);
    // Half of it: an op that is homogeneous, and that nobody knows.
    Tensor half = y.value().clone();
    scale(half, 0.5);
    const Var z = record("half", {y}, half, [](const Tensor& dy, InputGrads& dx) {
      Tensor gradient = dy.clone();
      scale(gradient, 0.5);
      dx.add(0, gradient);
    });
    return fc(mean(relu(bn(z)), {1, 2}));
  };
  const Audit unknown = audit(net, images(), labels());
  BOOST_TEST(answer(unknown).find("conv1.weight plain\n") == 0u, answer(unknown));
  // The search sees what travel could not.
  BOOST_REQUIRE(!unknown.problems.empty());
  BOOST_TEST(unknown.problems[0].find("conv1.weight: the loss ignores its scale") == 0u, unknown.problems[0]);
  const Audit described = audit(net, images(), labels(), nullptr, {.travel = {{"half", Travel::homogeneous}}});
  require_sound(described);
  BOOST_TEST(answer(described).find("conv1.weight feeds_norm, channel\n") == 0u, answer(described));
  // A wrong description is found out.
  net.body = [&](const Var& x) {
    const Var y = conv1(x);
    const Var z = record("half", {y}, sigmoid(y.value()).value(), [](const Tensor&, InputGrads&) {});
    return fc(mean(relu(bn(z)), {1, 2}));
  };
  const Audit wrong = audit(net, images(), labels(), nullptr, {.travel = {{"half", Travel::homogeneous}}});
  BOOST_REQUIRE(!wrong.problems.empty());
  BOOST_TEST(wrong.problems[0].find("travel calls it a symmetry") != std::string::npos, wrong.problems[0]);
}

// Behind ops that travel does not know, the probe finds scales of whole parameters and of channels, what numbers and
// columns have in common, and the gain of a norm; and nothing else.
BOOST_AUTO_TEST_CASE(the_search_finds_each_kind_that_an_unknown_op_hides) {
  Net net;
  const Rng rng(1);
  Child<Conv2d> conv1{net, "conv1", conv(2, 4), rng};
  Child<BatchNorm2d> bn1{net, "bn1", {.channels = 4}};
  Child<Conv2d> conv2{net, "conv2", conv(4, 3), rng};
  Child<BatchNorm2d> bn2{net, "bn2", {.channels = 3}};
  Child<Linear> fc{net, "fc", {.in = 3, .out = classes}, rng};
  const auto half = [](const Var& y) {
    const auto halved = [](const Tensor& t) {
      Tensor out = t.clone();
      scale(out, 0.5);
      return out;
    };
    return record("half", {y}, halved(y.value()),
                  [halved](const Tensor& dy, InputGrads& dx) { dx.add(0, halved(dy)); });
  };
  net.body = [&](const Var& x) { return half(fc(mean(relu(bn2(conv2(half(relu(bn1(half(conv1(x)))))))), {1, 2}))); };
  const std::string hidden = ", which travel did not find";
  std::set<std::string> wanted{"conv1.weight: the loss ignores its scale" + hidden,
                               "bn1.scale and bn1.shift: the loss ignores their common scale" + hidden,
                               "fc.weight: the loss ignores what its columns have in common" + hidden,
                               "fc.bias: the loss ignores what its numbers have in common" + hidden};
  for (const int channel : {0, 2, 3})
    wanted.insert(text("conv1.weight: the loss ignores the scale of channel ", channel, hidden));
  const Audit found = audit(net, images(), labels());
  for (const std::string& problem : found.problems) BOOST_TEST(wanted.erase(problem) == 1u, problem);
  for (const std::string& missing : wanted) BOOST_ERROR("not found: " << missing);
}

BOOST_AUTO_TEST_CASE(a_parameter_behind_detach_has_no_path) {
  Net net;
  const Rng rng(1);
  Child<Linear> cut{net, "cut", {.in = 50, .out = 4}, rng};
  Child<Linear> fc{net, "fc", {.in = 4, .out = classes}, rng};
  net.body = [&](const Var& x) { return fc(relu(cut(flatten(x, 1)).detach())); };
  const Audit found = audit(net, images(), labels());
  BOOST_TEST(answer(found).find("cut.weight unused\ncut.bias unused\nfc.weight head") == 0u, answer(found));
  BOOST_REQUIRE(found.problems.size() == 2u);
  BOOST_TEST(found.problems[0] == "cut.weight has no path to the loss: it gets no gradient");
}

BOOST_AUTO_TEST_CASE(two_heads) {
  Net net;
  const Rng rng(1);
  Child<Linear> body{net, "body", {.in = 50, .out = 4}, rng};
  Child<Linear> one{net, "one", {.in = 4, .out = classes}, rng}, two{net, "two", {.in = 4, .out = classes}, rng};
  const Tensor x = images(), y = labels();
  Audit found = audit(net, [&](DType dtype) {
    const Var features = relu(body(flatten(cast(x, dtype), 1)));
    return softmax_cross_entropy(one(features), y) + softmax_cross_entropy(two(features), y);
  });
  require_sound(found);
  BOOST_TEST(answer(found) ==
             "body.weight plain\nbody.bias plain\n"
             "one.weight head, whole\none.bias head, whole\ntwo.weight head, whole\ntwo.bias head, whole\n");
  BOOST_TEST(symmetries(found, true) ==
             "body.weight x c, body.bias x c, one.weight rows / c, two.weight rows / c, by channel (4)\n");
}

BOOST_AUTO_TEST_CASE(an_embedding_before_a_layer_norm) {
  Net net;
  const Rng rng(1);
  Child<Embedding> table{net, "table", {.rows = 7, .width = 4}, rng};
  Child<LayerNorm> ln{net, "ln", {.size = 4}};
  Child<Linear> fc{net, "fc", {.in = 4, .out = classes}, rng};
  const Tensor indices = Tensor::from<std::int64_t>({0, 3, 2, 1, 6, 5}, {samples});
  Audit found = audit(net, [&](DType) { return softmax_cross_entropy(fc(ln(table(indices))), labels()); });
  require_sound(found);
  BOOST_TEST(answer(found).find("table.weight feeds_norm, row\n") == 0u, answer(found));
}

BOOST_AUTO_TEST_CASE(units_of_a_plain_network_can_be_rescaled) {
  Sequential net{Rng(1)};
  net.add<Flatten>("flat");
  net.add<Linear>("fc1", {.in = 50, .out = 5});
  net.add<ReLU>("relu1");
  net.add<Linear>("fc2", {.in = 5, .out = 4});
  net.add<ReLU>("relu2");
  net.add<Linear>("fc3", {.in = 4, .out = classes});
  const Audit found = sound_audit(net);
  BOOST_TEST(symmetries(found, true) ==
             "fc1.weight x c, fc1.bias x c, fc2.weight rows / c, by channel (5)\n"
             "fc2.weight x c, fc2.bias x c, fc3.weight rows / c, by channel (4)\n");
  BOOST_TEST(symmetries(found) == "fc3.weight + t, as a whole\nfc3.bias + t, as a whole\n");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
