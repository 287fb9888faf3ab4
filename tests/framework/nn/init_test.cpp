#include "framework/nn/init.h"

#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/conv_transpose2d.h"
#include "framework/nn/embedding.h"
#include "framework/nn/linear.h"
#include "framework/nn/sequential.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

struct Moments {
  double mean = 0;
  double deviation = 0;
  double largest = 0;
};

Moments moments(const Tensor& t) {
  const auto n = static_cast<double>(t.size());
  const double mean = sum(t) / n;
  return {mean, std::sqrt(sum_squares(t) / n - mean * mean), max_abs(t)};
}

Tensor filled(const Init& init, const Shape& shape = {400, 300}, const Fans& fans = {.in = 400, .out = 300}) {
  return initial(shape, init, {}, fans, Rng(5));
}

// Of 30,000 numbers or more the deviation is right to about 0.4 %, the mean to 0.006 deviations.
void require_normal(const Tensor& t, double deviation) {
  const Moments m = moments(t);
  BOOST_TEST(std::abs(m.mean) < 0.015 * deviation);
  BOOST_TEST(std::abs(m.deviation / deviation - 1) < 0.015);
  BOOST_TEST(m.largest > 3.5 * deviation);
}

void require_uniform(const Tensor& t, double bound) {
  const Moments m = moments(t);
  BOOST_TEST(std::abs(m.mean) < 0.015 * bound);
  BOOST_TEST(std::abs(m.deviation * std::sqrt(3.0) / bound - 1) < 0.015);
  BOOST_TEST(m.largest <= bound * (1 + 1e-6));
  BOOST_TEST(m.largest > 0.99 * bound);
}

BOOST_AUTO_TEST_SUITE(initialisers)

BOOST_AUTO_TEST_CASE(gains) {
  BOOST_TEST(gain(Nonlinearity::linear) == 1.0);
  BOOST_TEST(gain(Nonlinearity::sigmoid) == 1.0);
  BOOST_TEST(gain(Nonlinearity::tanh) == 5.0 / 3);
  BOOST_TEST(gain(Nonlinearity::relu) == std::sqrt(2.0));
  BOOST_TEST(gain(Nonlinearity::leaky_relu, 0.2) == std::sqrt(2 / 1.04));
  BOOST_TEST(gain(Nonlinearity::selu) == 0.75);
}

BOOST_AUTO_TEST_CASE(kaiming_keeps_the_fan_it_is_told) {
  require_normal(filled(init::kaiming_normal()), std::sqrt(2.0 / 400));
  require_normal(filled(init::kaiming_normal({.mode = FanMode::out})), std::sqrt(2.0 / 300));
  require_normal(filled(init::kaiming_normal({.mode = FanMode::average})), std::sqrt(2.0 / 350));
  require_uniform(filled(init::kaiming_uniform({.nonlinearity = Nonlinearity::linear})), std::sqrt(3.0 / 400));
  require_uniform(
      filled(init::kaiming_uniform({.mode = FanMode::out, .nonlinearity = Nonlinearity::leaky_relu, .slope = 2})),
      std::sqrt(3 * 2 / 5.0 / 300));
}

BOOST_AUTO_TEST_CASE(xavier) {
  require_normal(filled(init::xavier_normal()), std::sqrt(2.0 / 700));
  require_uniform(filled(init::xavier_uniform(3)), 3 * std::sqrt(6.0 / 700));
}

BOOST_AUTO_TEST_CASE(plain_distributions_and_constants) {
  require_normal(filled(init::normal(0, 0.02)), 0.02);
  require_uniform(filled(init::uniform(-2, 2)), 2);
  BOOST_TEST(test::same_bits(filled(init::constant(0.25), {3, 2}), Tensor::full({3, 2}, 0.25)));
}

// The matrix's shorter side is orthonormal times the gain.
void require_orthogonal(const Shape& shape, double factor) {
  const Tensor y = cast(filled(init::orthogonal(factor), shape), DType::f64);
  const std::int64_t columns = shape[-1];
  const std::int64_t rows = shape.size() / columns;
  const std::int64_t count = std::min(rows, columns);
  const double* const at = y.data<double>();
  Tensor products({count, count}, DType::f64);
  Tensor want = Tensor::zeros({count, count}, DType::f64);
  for (std::int64_t i = 0; i < count; ++i) {
    want.mutable_data<double>()[i * count + i] = factor * factor;
    for (std::int64_t j = 0; j < count; ++j) {
      double total = 0;
      for (std::int64_t k = 0; k < std::max(rows, columns); ++k)
        total +=
            rows >= columns ? at[k * columns + i] * at[k * columns + j] : at[i * columns + k] * at[j * columns + k];
      products.mutable_data<double>()[i * count + j] = total;
    }
  }
  BOOST_TEST(test::close(products, want, 1e-6));
}

BOOST_AUTO_TEST_CASE(orthogonal) {
  require_orthogonal({40, 40}, 1);
  require_orthogonal({60, 20}, 2);
  require_orthogonal({20, 60}, 0.5);
  require_orthogonal({3, 3, 4, 20}, 1);
  BOOST_TEST(test::error_of([] { filled(init::orthogonal(), {5}); }).find("at least two axes") != std::string::npos);
}

// PyTorch: U(-b, b) with b = 1 / sqrt(fan_in) for weight and bias, N(0, 1) for embeddings, 1 and 0 for norms.
BOOST_AUTO_TEST_CASE(defaults_are_those_of_pytorch) {
  const Rng rng(2);
  Linear linear({.in = 400, .out = 5000}, rng);
  require_uniform(linear.weight.value(), 1 / std::sqrt(400.0));
  BOOST_TEST(max_abs(linear.bias->value()) <= 1 / std::sqrt(400.0));
  BOOST_TEST(max_abs(linear.bias->value()) > 0.99 / std::sqrt(400.0));
  Conv2d conv({.in = 64, .out = 2000, .kernel = {3, 5}, .groups = 4}, rng);
  require_uniform(conv.weight.value(), 1 / std::sqrt(3 * 5 * 16.0));
  BOOST_TEST(max_abs(conv.bias->value()) <= 1 / std::sqrt(3 * 5 * 16.0));
  BOOST_TEST(max_abs(conv.bias->value()) > 0.99 / std::sqrt(3 * 5 * 16.0));
  ConvTranspose2d up({.in = 600, .out = 40, .kernel = {3, 5}, .groups = 2}, rng);
  require_uniform(up.weight.value(), 1 / std::sqrt(3 * 5 * 20.0));
  BOOST_TEST(max_abs(up.bias->value()) <= 1 / std::sqrt(3 * 5 * 20.0));
  Embedding table({.rows = 500, .width = 240}, rng);
  require_normal(table.weight.value(), 1);
  BatchNorm2d norm({.channels = 4});
  BOOST_TEST(test::same_bits(norm.scale->value(), Tensor::full({4}, 1)));
  BOOST_TEST(test::same_bits(norm.shift->value(), Tensor::zeros({4})));
  BOOST_TEST(test::same_bits(norm.running_mean->value(), Tensor::zeros({4})));
  BOOST_TEST(test::same_bits(norm.running_variance->value(), Tensor::full({4}, 1)));
}

BOOST_AUTO_TEST_CASE(layers_pass_their_fans) {
  Fans seen;
  const Init look = [&](Tensor& y, const Fans& fans, const Rng&) {
    seen = fans;
    fill(y, 0);
  };
  const Rng rng(1);
  const Linear linear({.in = 4, .out = 7, .init = look}, rng);
  BOOST_TEST((seen.in == 4 && seen.out == 7));
  const Conv2d conv({.in = 6, .out = 10, .kernel = {3, 5}, .groups = 2, .init = look}, rng);
  BOOST_TEST((seen.in == 45 && seen.out == 150));
  const ConvTranspose2d up({.in = 6, .out = 10, .kernel = {3, 5}, .groups = 2, .init = look}, rng);
  BOOST_TEST((seen.in == 75 && seen.out == 90));
}

// A parameter's numbers depend on its path and the seed alone.
BOOST_AUTO_TEST_CASE(another_layer_changes_nobody_elses_numbers) {
  Sequential small{Rng(9)};
  small.add<Linear>("first", {.in = 3, .out = 4});
  small.add<Linear>("last", {.in = 4, .out = 2});
  Sequential large{Rng(9)};
  large.add<Linear>("first", {.in = 3, .out = 4});
  large.add<Conv2d>("between", {.in = 4, .out = 4});
  large.add<Linear>("last", {.in = 4, .out = 2, .bias = false});
  const State a = small.state();
  const State b = large.state();
  for (const char* path : {"first.weight", "first.bias", "last.weight"})
    BOOST_TEST(test::same_bits(a.at(path), b.at(path)), path);
  BOOST_TEST(!test::same_bits(a.at("first.bias"), Tensor::zeros({4})));
  Sequential other{Rng(10)};
  other.add<Linear>("first", {.in = 3, .out = 4});
  BOOST_TEST(!test::same_bits(other.state().at("first.weight"), a.at("first.weight")));
  // Equal layers under different names differ.
  Sequential twins{Rng(9)};
  twins.add<Linear>("a", {.in = 3, .out = 4});
  twins.add<Linear>("b", {.in = 3, .out = 4});
  BOOST_TEST(!test::same_bits(twins.state().at("a.weight"), twins.state().at("b.weight")));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
