// Weight standardisation: its formula, and what of a filter the loss does not feel.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "framework/compute/basic.h"
#include "framework/nn/standardized_conv2d.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/reduction.h"
#include "tests/support/tensors.h"

namespace ebb::test::standardized_conv2d_test {
namespace {

bool says(const std::string& message, const char* part) { return message.find(part) != std::string::npos; }

struct Net : StandardizedConv2d {
  explicit Net(double eps) : StandardizedConv2d({.conv = {.in = 3, .out = 4, .padding = {1, 1}}, .eps = eps}, Rng(4)) {
    to(DType::f64);
  }
};

constexpr std::int64_t taps = 27, filters = 4;

Tensor images() { return random({2, 5, 5, 3}, 3, -1, 2, DType::f64); }

}  // namespace

BOOST_AUTO_TEST_SUITE(weight_standardisation)

BOOST_AUTO_TEST_CASE(filters_have_mean_zero_and_variance_one) {
  for (const double eps : {0.0, 0.1}) {
    Net net(eps);
    Tensor wanted = net.conv->weight.value().clone();
    double* const w = wanted.mutable_data<double>();
    for (std::int64_t f = 0; f < filters; ++f) {
      double mean = 0, variance = 0;
      for (std::int64_t i = 0; i < taps; ++i) mean += w[i * filters + f] / taps;
      for (std::int64_t i = 0; i < taps; ++i) variance += std::pow(w[i * filters + f] - mean, 2) / taps;
      for (std::int64_t i = 0; i < taps; ++i)
        w[i * filters + f] = (w[i * filters + f] - mean) / std::sqrt(variance + eps);
    }
    const Var x(images());
    BOOST_TEST(close(net(x).value(), net.conv->apply(x, Var(wanted), Var(*net.conv->bias)).value(), 1e-13));
    BOOST_TEST(!close(net(x).value(), (*net.conv)(x).value(), 1e-2));
  }
}

BOOST_AUTO_TEST_CASE(the_loss_feels_neither_length_nor_mean_of_a_filter) {
  Net net(0);
  const auto gradients = [&] {
    net.zero_grad();
    Tape tape;
    const Var y = net(Var(images()));
    tape.backward(sum(square(y) * Var(random(y.shape(), 8, -1, 1, DType::f64))));
    return net.conv->weight.grad().clone();
  };
  const Tensor g = gradients();
  for (std::int64_t f = 0; f < filters; ++f) {
    double along = 0, common = 0, size = 0;
    for (std::int64_t i = 0; i < taps; ++i) {
      const double each = g.data<double>()[i * filters + f];
      along += each * net.conv->weight.value().data<double>()[i * filters + f];
      common += each, size = std::max(size, std::abs(each));
    }
    BOOST_TEST(size > 1);
    BOOST_TEST(std::abs(along) < 1e-12 * size);
    BOOST_TEST(std::abs(common) < 1e-12 * size);
  }
  // Twice the filter: half the gradient.
  for (double& w : net.conv->weight.value().mutable_span<double>()) w *= 2;
  Tensor half = g.clone();
  scale(half, 0.5);
  BOOST_TEST(close(gradients(), half, 1e-12));
}

BOOST_AUTO_TEST_CASE(says_what_it_refuses) {
  const Rng rng(1);
  BOOST_TEST(says(error_of([&] {
                    StandardizedConv2d({.conv = {.in = 1, .out = 2, .kernel = {1, 1}}}, rng);
                  }),
                  "more than one number"));
  BOOST_TEST(says(error_of([&] { StandardizedConv2d({.conv = {.in = 1, .out = 2}, .eps = -1}, rng); }), "eps = -1"));
  BOOST_TEST(says(error_of([&] { StandardizedConv2d({.conv = {.out = 2}}, rng); }), "in = 0"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test::standardized_conv2d_test
