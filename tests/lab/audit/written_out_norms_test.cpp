// Norms that are written out op by op, with an eps and with what only looks like one; answers written by hand.
#include <boost/test/unit_test.hpp>

#include "framework/nn/activations.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/linear.h"
#include "framework/nn/pooling.h"
#include "framework/nn/sequential.h"
#include "framework/nn/standardized_conv2d.h"
#include "framework/ops/activation.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/reduction.h"
#include "framework/ops/shape.h"
#include "lab/audit/audit.h"
#include "tests/lab/audit/networks.h"

namespace ebb {
namespace {

using namespace test;

// A convolution, a norm with a scale, ReLU, means of the images, a head.
struct Normed : Net {
  explicit Normed(std::function<Var(const Var&)> written) : norm(std::move(written)) {
    body = [this](const Var& x) { return fc(mean(relu(norm(stem(x)) * scale), {1, 2})); };
  }

  const Rng rng{1};
  Child<Conv2d> stem{*this, "stem", conv(2, 4), rng};
  Parameter scale{*this, "scale", Role::norm_scale, Tensor::full({4}, 1.0)};
  Child<Linear> fc{*this, "fc", {.in = 4, .out = classes}, rng};
  std::function<Var(const Var&)> norm;
};

Var mean_square(const Var& x) { return mean(x * x, {-1}, keep_dims); }

bool warned(const Audit& audit, const char* words) {
  return std::ranges::any_of(audit.warnings, [&](const std::string& w) { return w.find(words) == 0; });
}

const std::string remark = "scale is the scale of a norm, but the loss feels the scale of stem.weight in front of it";

void before_a_norm(const char* what, std::function<Var(const Var&)> written) {
  BOOST_TEST_CONTEXT(what) {
    Normed net(std::move(written));
    const Audit found = sound_audit(net);
    BOOST_TEST(answer(found) ==
               "scale plain\nstem.weight feeds_norm, whole\nfc.weight head, whole\nfc.bias head, whole\n");
    BOOST_TEST(found.warnings.empty());
  }
}

void felt(const char* what, std::function<Var(const Var&)> written) {
  BOOST_TEST_CONTEXT(what) {
    Normed net(std::move(written));
    const Audit found = sound_audit(net);
    BOOST_TEST(answer(found).find("scale plain\nstem.weight plain\n") == 0u, answer(found));
    BOOST_TEST(warned(found, remark.c_str()));
  }
}

BOOST_AUTO_TEST_SUITE(written_out_norms)

BOOST_AUTO_TEST_CASE(standardised_filters_lose_their_scale) {
  Sequential net{Rng(1)};
  net.add<StandardizedConv2d>("conv", {.conv = conv(2, 4)});
  net.add<ReLU>("relu");
  net.add<GlobalAvgPool2d>("pool");
  net.add<Linear>("fc", {.in = 4, .out = classes});
  const Audit found = sound_audit(net);
  BOOST_TEST(symmetries(found) ==
             "conv.conv.weight x c, by channel (4)\n"
             "fc.weight + t, as a whole\n"
             "fc.bias + t, as a whole\n");
  BOOST_TEST(answer(found).find("conv.conv.weight feeds_norm, channel\n") != std::string::npos, answer(found));
}

BOOST_AUTO_TEST_CASE(have_an_eps_as_the_built_in_ones) {
  before_a_norm("no eps", [](const Var& x) { return x / sqrt(mean_square(x)); });
  before_a_norm("under the root", [](const Var& x) { return x / sqrt(mean_square(x) + 1e-5); });
  before_a_norm("in front", [](const Var& x) { return x / sqrt(1e-5 + mean_square(x)); });
  before_a_norm("outside of the root", [](const Var& x) { return x / (sqrt(mean_square(x)) + 1e-6); });
  before_a_norm("both", [](const Var& x) { return x / (sqrt(mean_square(x) + 1e-6) + 1e-6); });
  before_a_norm("a power", [](const Var& x) { return x * pow(mean_square(x) + 1e-6, -0.5); });
  before_a_norm("a reciprocal", [](const Var& x) { return x * (1.0 / sqrt(mean_square(x) + 1e-6)); });
  before_a_norm("by the sum of sizes", [](const Var& x) { return x / (sum(abs(x), {-1}, keep_dims) + 1e-6); });
  before_a_norm("doubled before its root", [](const Var& x) { return x / sqrt((mean_square(x) + 1e-6) * 2.0); });
  before_a_norm("after the division", [](const Var& x) { return x / sqrt(mean_square(x)) + 1e-6; });
  before_a_norm("a number of order 1 after the division", [](const Var& x) { return x / sqrt(mean_square(x)) + 1.0; });
}

BOOST_AUTO_TEST_CASE(with_a_constant_that_is_no_eps_are_felt) {
  felt("1 under the root", [](const Var& x) { return x / sqrt(mean_square(x) + 1.0); });
  felt("1 outside of the root", [](const Var& x) { return x / (sqrt(mean_square(x)) + 1.0); });
  felt("a tenth", [](const Var& x) { return x / sqrt(mean_square(x) + 0.1); });
  felt("what a growing weight makes small", [](const Var& x) { return x * (1.0 / sqrt(mean_square(x)) + 1e-4); });
  felt("softplus", [](const Var& x) { return x / log(exp(x) + 1.0); });
  felt("a constant that is taken away", [](const Var& x) { return x / sqrt(abs(mean_square(x) - 0.01)); });
}

// One place of 150 is so small that its norm is all eps, whatever the weights' scale: few enough to look like one.
BOOST_AUTO_TEST_CASE(whose_eps_the_probe_refutes_are_felt) {
  Net net;
  Child<Conv2d> stem{net, "stem", conv(2, 4, false, 1, 0), Rng(1)};
  Parameter scale{net, "scale", Role::norm_scale, Tensor::full({4}, 1.0)};
  Child<Linear> fc{net, "fc", {.in = 4, .out = classes}, Rng(1)};
  net.body = [&](const Var& images) {
    const Var x = stem(images);
    return fc(mean(relu(x / sqrt(mean_square(x) + 1e-5) * scale), {1, 2}));
  };
  const Audit claimed = audit(net, images(), labels());
  require_sound(claimed);
  BOOST_TEST(answer(claimed).find("scale plain\nstem.weight feeds_norm, whole\n") == 0u, answer(claimed));
  Tensor some = images();
  for (float& pixel : some.mutable_span<float>().first(2)) pixel *= 1e-14F;
  const Audit found = audit(net, some, labels());
  require_sound(found);
  BOOST_TEST(answer(found).find("scale plain\nstem.weight plain\n") == 0u, answer(found));
  BOOST_TEST(warned(found, remark.c_str()));
}

BOOST_AUTO_TEST_CASE(of_layers_remove_the_mean) {
  Net net;
  const Rng rng(1);
  Child<Linear> fc1{net, "fc1", {.in = 50, .out = 4}, rng}, fc2{net, "fc2", {.in = 4, .out = classes}, rng};
  net.body = [&](const Var& images) {
    const Var x = fc1(flatten(images, 1)), centred = x - mean(x, {-1}, keep_dims);
    return fc2(relu(centred / sqrt(mean(square(centred), {-1}, keep_dims) + 1e-5)));
  };
  const Audit found = sound_audit(net);
  BOOST_TEST(symmetries(found) ==
             "fc1.weight x c, fc1.bias x c, as a whole\n"
             "fc1.weight + t, as a whole\n"
             "fc1.bias + t, as a whole\n"
             "fc2.weight + t, as a whole\n"
             "fc2.bias + t, as a whole\n");
}

BOOST_AUTO_TEST_CASE(of_batches_remove_biases_channel_by_channel) {
  Net net;
  const Rng rng(1);
  Child<Conv2d> stem{net, "stem", conv(2, 4, true), rng};
  Child<Linear> fc{net, "fc", {.in = 4, .out = classes}, rng};
  net.body = [&](const Var& images) {
    const Var x = stem(images), centred = x - mean(x, {0, 1, 2}, keep_dims);
    return fc(mean(relu(centred / sqrt(mean(square(centred), {0, 1, 2}, keep_dims) + 1e-5)), {1, 2}));
  };
  const Audit found = sound_audit(net);
  BOOST_TEST(answer(found) ==
             "stem.weight feeds_norm, channel\nstem.bias cancelled, channel\n"
             "fc.weight head, whole\nfc.bias head, whole\n");
}

BOOST_AUTO_TEST_CASE(of_weights_have_an_eps) {
  Net net;
  const Rng rng(1);
  Child<Conv2d> stem{net, "stem", conv(2, 4), rng};
  Child<Linear> fc{net, "fc", {.in = 4, .out = classes}, rng};
  net.body = [&](const Var& x) {
    const Var w = stem->weight, centred = w - mean(w, {0, 1, 2}, keep_dims);
    const Var filters = centred / sqrt(mean(square(centred), {0, 1, 2}, keep_dims) + 1e-5);
    return fc(mean(relu(stem->apply(x, filters, {})), {1, 2}));
  };
  BOOST_TEST(answer(sound_audit(net)).find("stem.weight feeds_norm, channel\n") == 0u);
}

BOOST_AUTO_TEST_CASE(behind_one_another_and_beside_built_in_ones) {
  Net net;
  const Rng rng(1);
  Child<Conv2d> conv1{net, "conv1", conv(2, 4), rng}, conv2{net, "conv2", conv(4, 4, true), rng};
  Child<Conv2d> conv3{net, "conv3", conv(4, 4), rng};
  Child<BatchNorm2d> bn{net, "bn", {.channels = 4}};
  Child<Linear> fc{net, "fc", {.in = 4, .out = classes}, rng};
  const auto rms = [](const Var& x) { return x / sqrt(mean_square(x) + 1e-6); };
  net.body = [&](const Var& x) { return fc(mean(relu(rms(conv3(relu(bn(conv2(relu(rms(conv1(x))))))))), {1, 2})); };
  const Audit found = sound_audit(net);
  BOOST_TEST(answer(found) ==
             "conv1.weight feeds_norm, whole\nconv2.weight feeds_norm, channel\nconv2.bias cancelled, channel\n"
             "conv3.weight feeds_norm, whole\nbn.scale joint_gain, whole\nbn.shift joint_gain, whole\n"
             "fc.weight head, whole\nfc.bias head, whole\n");
}

BOOST_AUTO_TEST_CASE(take_a_bias_along) {
  Net net;
  const Rng rng(1);
  Child<Linear> fc1{net, "fc1", {.in = 50, .out = 4}, rng}, fc2{net, "fc2", {.in = 4, .out = classes}, rng};
  net.body = [&](const Var& images) {
    const Var x = fc1(flatten(images, 1));
    return fc2(relu(x / sqrt(mean_square(x) + 1e-6)));
  };
  BOOST_TEST(symmetries(sound_audit(net)).find("fc1.weight x c, fc1.bias x c, as a whole\n") == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
