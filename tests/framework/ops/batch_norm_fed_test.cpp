// Batch norm behind a convolution: statistics that the convolution hands over, and the exact identities of a weight
// that feeds a batch norm.
#include <boost/test/unit_test.hpp>

#include "framework/ops/convolution.h"
#include "framework/ops/normalization.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

using namespace test;

constexpr DType types[] = {DType::f32, DType::f64};

struct Layer {
  Tensor x, weight, bias, scale, shift;
};

struct Run {
  Tensor y, dx, dweight, dbias, dscale, variance;
};

// batch_norm(conv2d(x)) and its gradients, with the statistics of the convolution or with batch norm's own.
Run run(const Layer& layer, const Tensor& dy, bool fused, const BatchNormOptions& options) {
  const std::int64_t out = layer.weight.dim(-1);
  const DType dtype = layer.x.dtype();
  BatchNormState state;
  state.running_mean = Tensor::zeros({out}, dtype);
  state.running_variance = Tensor::full({out}, 1, dtype);
  Tape tape;
  const Var x = tape.input(layer.x), weight = tape.input(layer.weight), bias = tape.input(layer.bias),
            scale = tape.input(layer.scale);
  const Var z =
      conv2d(x, weight, bias, {.padding = {layer.weight.dim(0) / 2, layer.weight.dim(1) / 2}}, {.channel_sums = fused});
  BOOST_TEST(z.channel_stats().defined() == fused);
  const Var y = batch_norm(z, scale, layer.shift, state, options);
  tape.backward(y, dy);
  return {y.value(),           tape.gradient(x),     tape.gradient(weight),
          tape.gradient(bias), tape.gradient(scale), state.batch_variance};
}

Layer make_layer(const Shape& x, std::int64_t kernel, std::int64_t out, DType dtype, double mean) {
  return {random(x, 1, -1, 1, dtype), random({kernel, kernel, x[-1], out}, 2, -1, 1, dtype),
          random({out}, 3, mean - 1, mean + 1, dtype), random({out}, 4, 0.5, 1.5, dtype),
          random({out}, 5, -1, 1, dtype)};
}

Tensor multiple(const Tensor& x, double factor) {
  Tensor y = x.clone();
  scale(y, factor);
  return y;
}

BOOST_AUTO_TEST_SUITE(batch_norm_behind_convolution)

// Means of 0, and of 1e3 (f32) or 1e9 (f64) deviations.
BOOST_AUTO_TEST_CASE(handed_over_statistics_give_the_same_result) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const DType dtype : types) {
      for (const double mean : {0.0, dtype == DType::f32 ? 1e3 : 1e9}) {
        for (const std::int64_t out : {1, 5, 16, 17}) {
          for (const Shape& shape : {Shape{4, 9, 9, 3}, Shape{1, 6, 6, 4}, Shape{6, 1, 1, 4}}) {
            const Layer layer = make_layer(shape, 3, out, dtype, mean);
            const Tensor dy = random({shape[0], shape[1], shape[2], out}, 6, -1, 1, dtype);
            const double digits = dtype == DType::f32 ? 0x1p-24 : 0x1p-53;
            const double tolerance = 64 * digits * std::sqrt(static_cast<double>(shape.size()));
            // A mean is known to the last digit of a double.
            const double lost = 64 * mean * 0x1p-53;
            for (const Activation activation : {Activation::none, Activation::relu}) {
              BOOST_TEST_CONTEXT(name << ' ' << dtype << ' ' << shape << " to " << out << " mean " << mean) {
                const BatchNormOptions options{.activation = activation};
                const Run fused = run(layer, dy, true, options), own = run(layer, dy, false, options);
                BOOST_TEST(close(fused.y, own.y, tolerance, lost));
                BOOST_TEST(close(fused.dweight, own.dweight, 0, (tolerance + lost) * 100));
                BOOST_TEST(close(fused.dscale, own.dscale, tolerance, 100 * lost + 10 * tolerance));
                BOOST_TEST(close(fused.variance, own.variance, tolerance, lost));
                for (const double v : values(fused.variance)) BOOST_TEST_REQUIRE(v >= 0);
              }
            }
          }
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(constant_channels_have_no_variance) {
  for (const DType dtype : types) {
    Layer layer = make_layer({4, 9, 9, 3}, 1, 5, dtype, 0);
    layer.weight = Tensor::zeros(layer.weight.shape(), dtype);
    const Tensor dy = random({4, 9, 9, 5}, 6, -1, 1, dtype);
    for (const bool fused : {false, true}) {
      const Run got = run(layer, dy, fused, {.eps = 0});
      BOOST_TEST(max_abs(got.variance) == 0);
      BOOST_TEST(max_abs(got.dx) == 0);
      BOOST_TEST(max_abs(got.dscale) == 0);
      bool equal = true;
      const auto y = values(got.y), shift = values(layer.shift);
      for (std::size_t i = 0; i < y.size(); ++i) equal = equal && y[i] == shift[i % 5];
      BOOST_TEST(equal);
    }
  }
}

BOOST_AUTO_TEST_CASE(equal_bits_on_any_number_of_threads) {
  const Layer layer = make_layer({8, 17, 17, 8}, 3, 16, DType::f32, 0);
  const Tensor dy = random({8, 17, 17, 16}, 6);
  Run first;
  for (const int threads : {1, 2, 3, 4, 8}) {
    const Threads use(threads);
    const Run now = run(layer, dy, true, {.activation = Activation::relu});
    if (threads == 1) first = now;
    BOOST_TEST(same_bits(now.y, first.y));
    BOOST_TEST(same_bits(now.dx, first.dx));
    BOOST_TEST(same_bits(now.dweight, first.dweight));
    BOOST_TEST(same_bits(now.dscale, first.dscale));
  }
}

// y does not change under weight -> c weight, eps -> c^2 eps (the bias with the weight), and gradients shrink by c.
BOOST_AUTO_TEST_CASE(scaling) {
  const double eps = 0.05, by = 3.7;
  for (const bool fused : {false, true}) {
    Layer layer = make_layer({4, 6, 6, 3}, 3, 5, DType::f64, 0);
    const Tensor dy = random({4, 6, 6, 5}, 6, -1, 1, DType::f64);
    const Run small = run(layer, dy, fused, {.eps = eps});
    layer.weight = multiple(layer.weight, by);
    layer.bias = multiple(layer.bias, by);
    const Run large = run(layer, dy, fused, {.eps = by * by * eps});
    BOOST_TEST(close(large.y, small.y, 1e-13));
    BOOST_TEST(close(multiple(large.dweight, by), small.dweight, 1e-12));
  }
}

// <w, dL/dw> = eps / (variance + eps) scale dL/dscale for each channel: the gradient is orthogonal to the weight but
// for eps. A bias in front of the norm gets no gradient.
BOOST_AUTO_TEST_CASE(orthogonality_and_a_cancelled_bias) {
  for (const bool fused : {false, true}) {
    for (const double eps : {0.05, 0.0}) {
      const Layer layer = make_layer({4, 6, 6, 3}, 3, 5, DType::f64, 0);
      const Run got = run(layer, random({4, 6, 6, 5}, 6, -1, 1, DType::f64), fused, {.eps = eps});
      const std::vector<double> w = values(layer.weight), dw = values(got.dweight), scale = values(layer.scale),
                                dscale = values(got.dscale), variance = values(got.variance);
      for (std::size_t o = 0; o < 5; ++o) {
        double along = 0;
        for (std::size_t i = o; i < w.size(); i += 5) along += w[i] * dw[i];
        const double want = eps / (variance[o] + eps) * scale[o] * dscale[o];
        BOOST_TEST(std::abs(along - want) < 1e-11);
        BOOST_TEST((eps == 0 || std::abs(want) > 1e-4));
      }
      BOOST_TEST(max_abs(got.dbias) < 1e-12);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
