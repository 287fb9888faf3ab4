#include "framework/nn/activations.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/conv_transpose2d.h"
#include "framework/nn/dropout.h"
#include "framework/nn/embedding.h"
#include "framework/nn/flatten.h"
#include "framework/nn/group_norm.h"
#include "framework/nn/layer_norm.h"
#include "framework/nn/linear.h"
#include "framework/nn/pooling.h"
#include "framework/nn/residual.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/reduction.h"
#include "tests/support/tensors.h"

namespace ebb::layers_test {
namespace {

using test::close;
using test::error_of;
using test::random;
using test::same_bits;

bool says(const std::string& message, const char* part) { return message.find(part) != std::string::npos; }

// Mean and biased variance of each channel (last axis) in double.
std::pair<Tensor, Tensor> statistics(const Tensor& x) {
  const std::int64_t c = x.dim(-1);
  const std::int64_t n = x.size() / c;
  const std::vector<double> v = test::values(x);
  Tensor mean = Tensor::zeros({c}, DType::f64);
  Tensor variance = Tensor::zeros({c}, DType::f64);
  double* const m = mean.mutable_data<double>();
  double* const s = variance.mutable_data<double>();
  for (std::size_t i = 0; i < v.size(); ++i) m[i % static_cast<std::size_t>(c)] += v[i] / static_cast<double>(n);
  for (std::size_t i = 0; i < v.size(); ++i) {
    const double d = v[i] - m[i % static_cast<std::size_t>(c)];
    s[i % static_cast<std::size_t>(c)] += d * d / static_cast<double>(n);
  }
  return {mean, variance};
}

BOOST_AUTO_TEST_SUITE(layers)

BOOST_AUTO_TEST_CASE(layers_call_their_ops) {
  const Rng rng(1);
  const Tensor image = random({2, 6, 6, 4}, 1);
  Conv2d conv({.in = 4, .out = 6, .kernel = {3, 2}, .stride = {2, 1}, .padding = {1, 0}, .groups = 2}, rng);
  BOOST_TEST(
      same_bits(conv(image).value(),
                conv2d(image, conv.weight, *conv.bias, {.stride = {2, 1}, .padding = {1, 0}, .groups = 2}).value()));
  ConvTranspose2d up({.in = 4, .out = 6, .stride = {2, 2}, .output_padding = {1, 1}, .bias = false}, rng);
  BOOST_TEST(
      same_bits(up(image).value(),
                conv_transpose2d(image, up.weight, Var(), {.stride = {2, 2}, .output_padding = {1, 1}}).value()));
  BOOST_TEST(up.parameter_count() == 3 * 3 * 4 * 6);
  BOOST_TEST(same_bits(MaxPool2d({.kernel = {3, 3}})(image).value(), max_pool2d(image, {.kernel = {3, 3}}).value()));
  BOOST_TEST(same_bits(AvgPool2d()(image).value(), avg_pool2d(image).value()));
  const PoolGeometry cut{.kernel = {3, 2}, .dilation = {1, 2}, .ceil_mode = true};
  BOOST_TEST(same_bits(MaxPool2d(cut)(image).value(), max_pool2d(image, cut).value()));
  BOOST_TEST(same_bits(AvgPool2d({.kernel = {2, 2}, .same_padding = true})(image).value(),
                       avg_pool2d(image, {.kernel = {2, 2}, .same_padding = true}).value()));
  BOOST_TEST(
      same_bits(AdaptiveMaxPool2d({.output = {3, 2}})(image).value(), adaptive_max_pool2d(image, {3, 2}).value()));
  BOOST_TEST(
      same_bits(AdaptiveAvgPool2d({.output = {2, 0}})(image).value(), adaptive_avg_pool2d(image, {2, 0}).value()));
  BOOST_TEST(AdaptiveAvgPool2d()(image).shape() == (Shape{image.dim(0), 1, 1, image.dim(3)}));
  BOOST_TEST(same_bits(GlobalAvgPool2d()(image).value(), global_avg_pool2d(image).value()));
  BOOST_TEST(same_bits(ReLU()(image).value(), relu(image).value()));
  BOOST_TEST(same_bits(ReLU6()(image).value(), relu6(image).value()));
  BOOST_TEST(same_bits(LeakyReLU({.slope = 0.3})(image).value(), leaky_relu(image, 0.3).value()));
  BOOST_TEST(same_bits(ELU({.alpha = 2})(image).value(), elu(image, 2).value()));
  BOOST_TEST(same_bits(GELU({.form = Gelu::tanh})(image).value(), gelu(image, Gelu::tanh).value()));
  BOOST_TEST(same_bits(SiLU()(image).value(), silu(image).value()));
  BOOST_TEST(same_bits(Softplus()(image).value(), softplus(image).value()));
  BOOST_TEST(same_bits(Sigmoid()(image).value(), sigmoid(image).value()));
  BOOST_TEST(same_bits(Tanh()(image).value(), tanh(image).value()));
  LayerNorm ln({.size = 4, .eps = 0.1});
  BOOST_TEST(same_bits(ln(image).value(), layer_norm(image, *ln.scale, *ln.shift, 0.1).value()));
  GroupNorm gn({.groups = 2, .channels = 4, .affine = false});
  BOOST_TEST(same_bits(gn(image).value(), group_norm(image, Var(), Var(), 2).value()));
  Embedding table({.rows = 5, .width = 3}, rng);
  BOOST_TEST((table(Tensor::from<std::int64_t>({4, 0, 1, 1}, {2, 2})).shape() == Shape{2, 2, 3}));
}

BOOST_AUTO_TEST_CASE(options_out_of_range_are_refused) {
  const Rng rng(1);
  BOOST_TEST(says(error_of([&] { Linear({.out = 3}, rng); }), "in = 0"));
  BOOST_TEST(says(error_of([&] { Conv2d({.in = 3, .out = 4, .groups = 2}, rng); }), "groups that divide"));
  BOOST_TEST(says(error_of([&] { Conv2d({.in = 3, .out = 4, .stride = {0, 1}}, rng); }), "stride = 0"));
  BOOST_TEST(says(error_of([&] {
                    ConvTranspose2d({.in = 3, .out = 4, .output_padding = {1, 0}}, rng);
                  }),
                  "output_padding = 1"));
  BOOST_TEST(says(error_of([&] { BatchNorm2d({.channels = 3, .eps = -1}); }), "eps = -1"));
  BOOST_TEST(says(error_of([&] { BatchNorm2d({.channels = 3, .new_weight = 1.5}); }), "new_weight = 1.5"));
  BOOST_TEST(says(error_of([&] { Dropout({.p = 1.5}, rng); }), "p = 1.5"));
  BOOST_TEST(says(error_of([&] { Dropout({.p = std::nan("")}, rng); }), "0 <= p <= 1"));
  BOOST_TEST(says(error_of([&] { MaxPool2d({.padding = {2, 0}}); }), "at most half the window"));
  BOOST_TEST(says(error_of([&] { AvgPool2d({.dilation = {1, 0}}); }), "[AvgPool2d] got a dilation of 0"));
  BOOST_TEST(says(error_of([&] { MaxPool2d({.padding = {1, 1}, .same_padding = true}); }), "and same_padding"));
  BOOST_TEST(says(error_of([&] { AdaptiveAvgPool2d({.output = {-1, 1}}); }), "[AdaptiveAvgPool2d] got output = -1"));
  BOOST_TEST(says(error_of([&] { AdaptiveMaxPool2d({.output = {1, -2}}); }), "output = -2"));
  BOOST_TEST(says(error_of([&] {
                    Conv2d({.in = 3, .out = 4, .padding = {0, 1}, .same_padding = true}, rng);
                  }),
                  "padding = 0x1 with same_padding"));
  BOOST_TEST(says(error_of([&] { GroupNorm({.groups = 2, .channels = 3}); }), "groups that divide"));
  BOOST_TEST(says(error_of([&] { Embedding({.rows = 3}, rng); }), "width = 0"));
}

BOOST_AUTO_TEST_CASE(batch_norm_tracks_and_uses_statistics) {
  BatchNorm2d norm({.channels = 5, .new_weight = 0.25});
  const Tensor x = random({4, 3, 3, 5}, 1, -1, 3);
  const Tensor y = norm(x).value();
  const auto [mean, variance] = statistics(x);
  BOOST_TEST(close(cast(norm.batch_mean(), DType::f64), mean, 1e-6));
  BOOST_TEST(close(cast(norm.batch_variance(), DType::f64), variance, 1e-6));
  Tensor want_mean = mean.clone();
  scale(want_mean, 0.25);
  Tensor want_variance = Tensor::full({5}, 0.75, DType::f64);
  axpy(0.25 * 36 / 35, variance, want_variance);  // the unbiased one
  BOOST_TEST(close(cast(norm.running_mean->value(), DType::f64), want_mean, 1e-6));
  BOOST_TEST(close(cast(norm.running_variance->value(), DType::f64), want_variance, 1e-6));
  BOOST_TEST(norm.batches->value().item() == 1);
  const auto [zero, one] = statistics(y);
  BOOST_TEST(close(zero, Tensor::zeros({5}, DType::f64), 0, 1e-6));
  BOOST_TEST(close(one, Tensor::full({5}, 1, DType::f64), 1e-4));

  norm.eval();
  const State before = norm.state();
  const Tensor z = norm(x).value();
  for (const auto& entry : norm.state()) BOOST_TEST(same_bits(entry.second, before.at(entry.first)));
  const double want = (x.at({1, 2, 0, 3}) - want_mean.at({3})) / std::sqrt(want_variance.at({3}) + 1e-5);
  BOOST_TEST(std::abs(z.at({1, 2, 0, 3}) - want) < 1e-5);
}

BOOST_AUTO_TEST_CASE(batch_norm_options) {
  const Tensor a = random({6, 3}, 1, 0, 4);
  const Tensor b = random({6, 3}, 2, -4, 0);
  // The mean over all batches.
  BatchNorm1d all({.channels = 3, .cumulative = true});
  all(a);
  all(b);
  const Tensor mean_a = statistics(a).first;
  Tensor mean = statistics(b).first;
  add_into(mean, mean_a);
  scale(mean, 0.5);
  BOOST_TEST(close(cast(all.running_mean->value(), DType::f64), mean, 1e-6, 1e-6));
  BOOST_TEST(all.batches->value().item() == 2);
  // Without running statistics the batch's are used in both modes.
  BatchNorm1d untracked({.channels = 3, .affine = false, .track = false});
  BOOST_TEST(untracked.state().empty());
  const Tensor trained = untracked(a).value();
  untracked.eval();
  BOOST_TEST(same_bits(untracked(a).value(), trained));
  // The activation in the same pass.
  BatchNorm1d plain({.channels = 3});
  BatchNorm1d active({.channels = 3, .activation = Activation::relu});
  BOOST_TEST(close(active(a).value(), relu(plain(a)).value(), 1e-7));
  BOOST_TEST(says(error_of([&] { plain(random({2, 2, 2, 3}, 1)); }), "[BatchNorm1d]"));
  BOOST_TEST(says(error_of([&] { BatchNorm2d({.channels = 3})(a); }), "[BatchNorm2d]"));
  // A call that fails counts as none.
  BOOST_TEST(plain.batches->value().item() == 1);
  BOOST_TEST(error_of([&] { plain(random({2, 4}, 1)); }) != "no error");
  BOOST_TEST(plain.batches->value().item() == 1);
}

BOOST_AUTO_TEST_CASE(dropout_differs_in_each_call_and_repeats_from_a_restored_state) {
  Dropout drop({.p = 0.4}, Rng(3).at("drop"));
  const Tensor x = Tensor::full({40, 50}, 1);
  drop(x);
  const State state = drop.state();
  const Tensor second = drop(x).value();
  const Tensor third = drop(x).value();
  BOOST_TEST(!same_bits(second, third));
  Dropout restored({.p = 0.4}, Rng(3).at("drop"));
  restored.load_state(state);
  BOOST_TEST(same_bits(restored(x).value(), second));
  BOOST_TEST(same_bits(restored(x).value(), third));
  Dropout elsewhere({.p = 0.4}, Rng(3).at("other"));
  elsewhere.load_state(state);
  BOOST_TEST(!same_bits(elsewhere(x).value(), second));
  // Zeros and 1 / (1 - p), the former in a share of p.
  std::int64_t zeros = 0;
  bool right = true;
  for (const float v : second.span<float>()) {
    zeros += v == 0 ? 1 : 0;
    right = right && (v == 0 || std::abs(v - 1 / 0.6f) < 1e-6f);
  }
  BOOST_TEST(right);
  BOOST_TEST(std::abs(static_cast<double>(zeros) / 2000 - 0.4) < 0.045);
  // Eval mode: the identity, and no call.
  const Tensor calls = drop.calls.value().clone();
  drop.eval();
  BOOST_TEST(drop(x).value().shares(x));
  BOOST_TEST(same_bits(drop.calls.value(), calls));
  BOOST_TEST(calls.item() == 3);
}

BOOST_AUTO_TEST_CASE(flatten_remembers_what_it_saw) {
  Flatten flatten;
  BOOST_TEST(flatten.image().rank() == 0);
  const Tensor x = random({2, 3, 4, 5}, 1);
  BOOST_TEST(same_bits(flatten(x).value(), x.reshape({2, 60})));
  BOOST_TEST((flatten.image() == Shape{3, 4, 5}));
  BOOST_TEST((flatten(random({3}, 1)).shape() == Shape{3, 1}));
  Flatten told({.image = {3, 4, 5}});
  BOOST_TEST((told.image() == Shape{3, 4, 5}));
  told(x);
  BOOST_TEST(says(error_of([&] { told(random({2, 4, 3, 5}, 1)); }), "[2, 4, 3, 5]"));
}

BOOST_AUTO_TEST_CASE(residual_adds_both_paths) {
  Residual block({}, Rng(1));
  block.main->add<Conv2d>("conv", {.in = 2, .out = 2, .padding = {1, 1}});
  const Tensor x = random({2, 4, 4, 2}, 1);
  BOOST_TEST(close(block(x).value(), relu(block.main->forward(x) + x).value(), 1e-7));
  block.shortcut->add<Conv2d>("conv", {.in = 2, .out = 2, .kernel = {1, 1}});
  BOOST_TEST(close(block(x).value(), relu(block.main->forward(x) + block.shortcut->forward(x)).value(), 1e-7));
  Residual plain({.activation = Activation::none}, Rng(1));
  BOOST_TEST(close(plain(x).value(), (Var(x) * 2.0).value(), 1e-7));
  plain.main->add<Conv2d>("conv", {.in = 2, .out = 3, .padding = {1, 1}});
  BOOST_TEST(says(error_of([&] { plain(x); }), "[2, 4, 4, 3] from main and [2, 4, 4, 2] from shortcut"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::layers_test
