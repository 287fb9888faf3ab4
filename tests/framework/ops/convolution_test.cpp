#include <boost/test/unit_test.hpp>

#include "framework/compute/convolution.h"
#include "framework/ops/convolution.h"
#include "framework/ops/shape.h"
#include "tests/support/errors.h"
#include "tests/support/naive.h"

namespace ebb::test {
namespace {

struct Case {
  Shape x, w;
  Conv2dGeometry geometry;
  Conv2dCall call = {};
};

const Case cases[] = {
    {{3, 9, 7, 5}, {3, 2, 5, 6}, {}},
    {{2, 9, 8, 4}, {3, 3, 2, 6}, {.stride = {2, 1}, .padding = {1, 2}, .groups = 2}},
    {{2, 12, 11, 3}, {3, 2, 3, 17}, {.stride = {1, 3}, .padding = {2, 0}, .dilation = {2, 3}}},
    {{2, 8, 8, 7}, {3, 3, 1, 7}, {.stride = {2, 2}, .padding = {1, 1}, .groups = 7}},
    {{1, 5, 5, 3}, {1, 1, 3, 4}, {}},
};

ConvolutionShape shape_of(const Case& c) {
  ConvolutionShape s;
  s.images = c.x[0];
  s.in = c.x[3];
  s.out = c.w[3];
  s.input = {c.x[1], c.x[2]};
  s.kernel = {c.w[0], c.w[1]};
  s.stride = c.geometry.stride;
  s.padding = c.geometry.padding;
  s.dilation = c.geometry.dilation;
  s.groups = c.geometry.groups;
  for (std::size_t i = 0; i < 2; ++i)
    s.output[i] = (s.input[i] + 2 * s.padding[i] - s.dilation[i] * (s.kernel[i] - 1) - 1) / s.stride[i] + 1;
  return s;
}

double inner(const Tensor& a, const Tensor& b) { return dot(cast(a, DType::f64), cast(b, DType::f64)); }

// Count, mean and M2 of each channel in two passes of doubles.
Tensor naive_moments(const Tensor& y) {
  const std::vector<double> v = values(y);
  const std::int64_t channels = y.dim(-1);
  const std::int64_t rows = y.size() / channels;
  Tensor out = Tensor::zeros({3, channels}, DType::f64);
  double* const m = out.mutable_data<double>();
  for (std::int64_t c = 0; c < channels; ++c) {
    long double sum = 0, squares = 0;
    for (std::int64_t r = 0; r < rows; ++r) sum += v[static_cast<std::size_t>(r * channels + c)];
    const long double mean = sum / static_cast<long double>(rows);
    for (std::int64_t r = 0; r < rows; ++r) {
      const long double d = v[static_cast<std::size_t>(r * channels + c)] - mean;
      squares += d * d;
    }
    m[c] = static_cast<double>(rows);
    m[channels + c] = static_cast<double>(mean);
    m[2 * channels + c] = static_cast<double>(squares);
  }
  return out;
}

Tensor row(const Tensor& moments, std::int64_t i) {
  const std::int64_t channels = moments.dim(1);
  return Tensor::from(
      moments.span<double>().subspan(static_cast<std::size_t>(i * channels), static_cast<std::size_t>(channels)),
      {channels});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(convolution_ops)

BOOST_AUTO_TEST_CASE(values_and_gradients) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const Case& c : cases) {
      const ConvolutionShape s = shape_of(c);
      const Tensor x = random(c.x, 1, -1, 1, dtype), w = random(c.w, 2, -1, 1, dtype),
                   b = random({s.out}, 3, -1, 1, dtype);
      const Tensor dy = random(s.output_shape(), 4, -1, 1, dtype);
      const NaiveConvolution want = naive_convolution(x, w, dy, b, {}, s);
      Tape tape;
      const Var vx = tape.input(x), vw = tape.input(w), vb = tape.input(b);
      const Var y = conv2d(vx, vw, vb, c.geometry, c.call);
      tape.backward(y, dy);
      const double tolerance = product_tolerance(dtype, 400);
      BOOST_TEST(close(cast(y.value(), DType::f64), want.y, tolerance));
      BOOST_TEST(close(cast(tape.gradient(vx), DType::f64), want.dx, tolerance));
      BOOST_TEST(close(cast(tape.gradient(vw), DType::f64), want.dw, tolerance));
      const Tensor ones = Tensor::full({1, dy.size() / s.out}, 1, dtype);
      BOOST_TEST(close(cast(tape.gradient(vb), DType::f64),
                       naive_matmul(ones, false, dy.reshape({-1, s.out}), false, {}).reshape({s.out}), tolerance));
    }
  }
}

// Same padding is the convolution without padding of an image with zeros around it, one more below and on the right
// where their number is odd.
BOOST_AUTO_TEST_CASE(images_with_their_channels_in_front_are_told_so) {
  const Tensor w = Tensor::zeros({3, 3, 2, 4});
  const std::string in_front = error_of([&] { conv2d(Tensor::zeros({1, 2, 8, 8}), w, Var(), {}); });
  BOOST_TEST(in_front.find("wanted input [batch, height, width, 2]; the images look like [batch, channels") !=
                 std::string::npos,
             in_front);
  const std::string other = error_of([&] { conv2d(Tensor::zeros({1, 8, 8, 5}), w, Var(), {}); });
  BOOST_TEST(other.find("the weight's third axis") != std::string::npos, other);
}

BOOST_AUTO_TEST_CASE(same_padding) {
  struct Same {
    Shape x, w;
    Conv2dGeometry geometry;
    std::array<std::int64_t, 2> zeros;  // altogether, along height and width
  };
  const std::vector<Same> all{
      {{2, 5, 6, 3}, {3, 3, 3, 5}, {}, {2, 2}},
      {{2, 9, 11, 16}, {3, 3, 16, 16}, {}, {2, 2}},
      {{1, 8, 8, 17}, {3, 3, 17, 33}, {.stride = {2, 2}}, {1, 1}},
      {{2, 7, 8, 3}, {3, 3, 3, 5}, {.stride = {2, 2}}, {2, 1}},
      {{1, 6, 5, 2}, {2, 4, 2, 3}, {}, {1, 3}},
      {{1, 6, 5, 1}, {2, 2, 1, 1}, {}, {1, 1}},
      {{1, 7, 9, 4}, {2, 3, 4, 2}, {.stride = {1, 3}}, {1, 0}},
      {{1, 7, 6, 4}, {3, 2, 2, 6}, {.dilation = {2, 3}, .groups = 2}, {4, 3}},
      {{1, 7, 6, 3}, {3, 4, 3, 2}, {.stride = {3, 2}, .dilation = {2, 1}}, {4, 2}},
      {{2, 5, 4, 5}, {4, 4, 1, 5}, {.groups = 5}, {3, 3}},
      {{1, 6, 7, 17}, {2, 3, 1, 17}, {.stride = {2, 2}, .groups = 17}, {0, 2}},
      {{1, 5, 4, 3}, {1, 1, 3, 4}, {.stride = {2, 3}}, {0, 0}},
      {{1, 2, 1, 3}, {5, 4, 3, 4}, {}, {4, 3}},
      {{1, 2, 1, 3}, {5, 4, 3, 4}, {.stride = {4, 4}}, {3, 3}},
  };
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const DType dtype : {DType::f32, DType::f64})
      for (const Same& c : all) {
        const Tensor x = random(c.x, 1, -1, 1, dtype), w = random(c.w, 2, -1, 1, dtype);
        const Tensor b = random({c.w[3]}, 3, -1, 1, dtype);
        const auto run = [&](bool same) {
          Conv2dGeometry geometry = c.geometry;
          geometry.same_padding = same;
          const std::array<std::int64_t, 2> before{c.zeros[0] / 2, c.zeros[1] / 2};
          Tape tape;
          const Var vx = tape.input(x), vw = tape.input(w), vb = tape.input(b);
          const Var image =
              same
                  ? vx
                  : pad(vx, {{0, 0}, {before[0], c.zeros[0] - before[0]}, {before[1], c.zeros[1] - before[1]}, {0, 0}});
          const Var y = conv2d(image, vw, vb, geometry);
          tape.backward(y, random(y.shape(), 4, -1, 1, dtype));
          return std::array<Tensor, 4>{y.value(), tape.gradient(vx), tape.gradient(vw), tape.gradient(vb)};
        };
        const std::array<Tensor, 4> got = run(true), want = run(false);
        const auto ceil = [](std::int64_t size, std::int64_t stride) { return (size + stride - 1) / stride; };
        BOOST_TEST_REQUIRE(got[0].shape() == Shape({c.x[0], ceil(c.x[1], c.geometry.stride[0]),
                                                    ceil(c.x[2], c.geometry.stride[1]), c.w[3]}));
        BOOST_TEST_CONTEXT(name << ' ' << dtype << ' ' << c.x << ' ' << c.w)
        for (std::size_t i = 0; i < 4; ++i) BOOST_TEST(close(got[i], want[i], product_tolerance(dtype, 400)));
      }
  }
  const Tensor x = random({1, 4, 4, 2}, 1), w = random({3, 3, 2, 2}, 2);
  BOOST_TEST(fails_with({"conv2d", "padding {1, 0} and same_padding"}, [&] {
    conv2d(x, w, {}, {.padding = {1, 0}, .same_padding = true});
  }));
  BOOST_TEST(fails_with({"conv2d", "at least one pixel"}, [&] {
    conv2d(Tensor({1, 0, 4, 2}), w, {}, {.same_padding = true});
  }));
  // Five taps as far apart as may be ask for twice the padding that may be; three ask for just as much.
  constexpr std::int64_t far = std::int64_t{1} << 24;
  BOOST_TEST(fails_with({"conv2d", "same padding of 33554432"}, [&] {
    conv2d(x, random({1, 5, 2, 2}, 2), {}, {.dilation = {1, far}, .same_padding = true});
  }));
  const Tensor middle = slice(slice(w, 0, 1, 2), 1, 1, 2).value();  // the tap that meets the image
  BOOST_TEST(close(conv2d(x, w, {}, {.dilation = {far, far}, .same_padding = true}).value(),
                   conv2d(x, middle, {}).value(), 1e-6));
}

// The transposed convolution of the same weights, axes exchanged, is the adjoint: <dy, conv(x)> = <conv'(dy), x>.
BOOST_AUTO_TEST_CASE(transposed_convolution_is_the_adjoint) {
  for (const Case& c : cases) {
    const ConvolutionShape s = shape_of(c);
    const Tensor x = random(c.x, 1, -1, 1, DType::f64), dy = random(s.output_shape(), 3, -1, 1, DType::f64);
    // [kh, kw, out, in / groups] of the transposed op is [kh, kw, in / groups, out] of the other, transposed.
    Tensor w = random(c.w, 2, -1, 1, DType::f64);
    Tensor transposed({c.w[0], c.w[1], c.w[3], c.w[2]}, DType::f64);
    for (std::int64_t t = 0; t < c.w[0] * c.w[1]; ++t)
      for (std::int64_t i = 0; i < c.w[2]; ++i)
        for (std::int64_t k = 0; k < c.w[3]; ++k)
          transposed.mutable_data<double>()[(t * c.w[3] + k) * c.w[2] + i] =
              w.data<double>()[(t * c.w[2] + i) * c.w[3] + k];
    ConvTranspose2dGeometry g{.stride = s.stride, .padding = s.padding, .dilation = s.dilation, .groups = s.groups};
    for (std::size_t i = 0; i < 2; ++i)
      g.output_padding[i] =
          s.input[i] - ((s.output[i] - 1) * s.stride[i] - 2 * s.padding[i] + s.dilation[i] * (s.kernel[i] - 1) + 1);
    const Tensor y = conv2d(x, w, {}, c.geometry).value();
    Tape tape;
    const Var up = tape.input(dy), weight = tape.input(transposed);
    const Var back = conv_transpose2d(up, weight, {}, g);
    BOOST_REQUIRE(back.shape() == c.x);
    const double left = inner(dy, y);
    BOOST_TEST(left == inner(back.value(), x), boost::test_tools::tolerance(1e-12));
    // ... and its gradients are those of the same bilinear form.
    tape.backward(back, x);
    BOOST_TEST(close(tape.gradient(up), y, 1e-13));
    BOOST_TEST(left == inner(tape.gradient(weight), transposed), boost::test_tools::tolerance(1e-12));
  }
}

BOOST_AUTO_TEST_CASE(transposed_convolution_adds_its_bias) {
  const Tensor x = random({2, 3, 4, 5}, 1), w = random({2, 2, 5, 3}, 2), b = random({3}, 3);
  const ConvTranspose2dGeometry g{.stride = {3, 2}, .output_padding = {1, 0}};
  const Tensor with = conv_transpose2d(x, w, b, g).value(), without = conv_transpose2d(x, w, {}, g).value();
  BOOST_TEST(with.shape() == Shape({2, 9, 8, 3}));
  Tensor want = without.clone();
  for (std::int64_t i = 0; i < want.size(); ++i) want.mutable_data<float>()[i] += b.data<float>()[i % 3];
  BOOST_TEST(close(with, want, 1e-6));
}

BOOST_AUTO_TEST_CASE(equal_bits_on_any_number_of_threads) {
  const Case large[] = {{{13, 20, 20, 16}, {3, 3, 16, 24}, {.padding = {1, 1}}, {.channel_sums = true}},
                        {{40, 14, 14, 6}, {5, 5, 6, 16}, {}, {.channel_sums = true}},
                        {{20, 16, 16, 24}, {3, 3, 1, 24}, {.stride = {2, 2}, .padding = {1, 1}, .groups = 24}},
                        {{9, 24, 24, 32}, {1, 1, 32, 8}, {}, {.channel_sums = true}}};
  for (const Case& c : large) {
    const ConvolutionShape s = shape_of(c);
    const Tensor x = random(c.x, 1), w = random(c.w, 2), dy = random(s.output_shape(), 3);
    Tensor y, stats, dx, dw;
    for (const int count : {1, 2, 3, 4, 8}) {
      const Threads use(count);
      const Var now_y = conv2d(x, w, {}, c.geometry, c.call);
      const Tensor now_dx = convolution_input_gradient(dy, w, {}, s), now_dw = convolution_weight_gradient(x, dy, s);
      if (count == 1) y = now_y.value(), stats = now_y.channel_stats(), dx = now_dx, dw = now_dw;
      BOOST_TEST(same_bits(now_y.value(), y));
      BOOST_TEST(same_bits(now_dx, dx));
      BOOST_TEST(same_bits(now_dw, dw));
      if (stats.defined()) BOOST_TEST(same_bits(now_y.channel_stats(), stats));
    }
  }
}

BOOST_AUTO_TEST_CASE(channel_statistics) {
  for (Case c : cases) {
    c.call.channel_sums = true;
    const ConvolutionShape s = shape_of(c);
    const Var y = conv2d(random(c.x, 1), random(c.w, 2), random({s.out}, 3), c.geometry, c.call);
    const Tensor want = naive_moments(y.value());
    BOOST_TEST(same_bits(row(y.channel_stats(), 0), row(want, 0)));
    BOOST_TEST(close(row(y.channel_stats(), 1), row(want, 1), 1e-6));
    BOOST_TEST(close(row(y.channel_stats(), 2), row(want, 2), 1e-5));
  }
}

// A mean of 1e3 (f32) or 1e9 (f64) deviations costs no digits of M2 beyond those that values and means, which round to
// 1e-7 deviations, have lost.
BOOST_AUTO_TEST_CASE(channel_statistics_far_from_zero) {
  const Case c{{8, 16, 16, 3}, {3, 3, 3, 5}, {.padding = {1, 1}}, {.channel_sums = true}};
  const Case point{{8, 16, 16, 3}, {1, 1, 3, 5}, {}, {.channel_sums = true}};
  for (const Case& each : {c, point}) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      const double mean = dtype == DType::f32 ? 1e3 : 1e9;
      const Tensor x = random(each.x, 1, -1, 1, dtype), w = random(each.w, 2, -1, 1, dtype);
      const Tensor bias = Tensor::full({5}, mean, dtype);
      const Var y = conv2d(x, w, bias, each.geometry, each.call);
      const Tensor want = naive_moments(y.value());
      BOOST_TEST(close(row(y.channel_stats(), 1), row(want, 1), dtype == DType::f32 ? 1e-9 : 1e-15));
      BOOST_TEST(close(row(y.channel_stats(), 2), row(want, 2), dtype == DType::f32 ? 1e-5 : 1e-7));
    }
  }
}

BOOST_AUTO_TEST_CASE(messages) {
  const Var x = Tensor({2, 8, 8, 3}), w = Tensor({3, 3, 3, 4}), none;
  BOOST_TEST(fails_with({"conv2d", "[2, 8, 8, 3]", "input [batch, height, width, 5]"}, [&] {
    conv2d(x, Var(Tensor({3, 3, 5, 4})), none);
  }));
  BOOST_TEST(fails_with({"conv2d", "9 rows of 8", "fits"}, [&] { conv2d(x, Var(Tensor({9, 3, 3, 4})), none); }));
  BOOST_TEST(fails_with({"conv2d", "2 groups", "divides"}, [&] { conv2d(x, w, none, {.groups = 2}); }));
  BOOST_TEST(fails_with({"conv2d", "stride {0, 1}"}, [&] { conv2d(x, w, none, {.stride = {0, 1}}); }));
  BOOST_TEST(fails_with({"conv2d", "padding {0, -1}"}, [&] { conv2d(x, w, none, {.padding = {0, -1}}); }));
  BOOST_TEST(fails_with({"conv2d", "dilation {0, 1}"}, [&] { conv2d(x, w, none, {.dilation = {0, 1}}); }));
  BOOST_TEST(fails_with({"conv2d", "0 groups"}, [&] { conv2d(x, w, none, {.groups = 0}); }));
  BOOST_TEST(fails_with({"conv2d", "bias [3]", "[4]"}, [&] { conv2d(x, w, Var(Tensor(Shape{3}))); }));
  BOOST_TEST(fails_with({"conv2d", "f64"}, [&] { conv2d(x, Var(Tensor({3, 3, 3, 4}, DType::f64)), none); }));
  BOOST_TEST(fails_with({"conv2d", "height"}, [&] { conv2d(Var(Tensor({8, 8, 3})), w, none); }));
  BOOST_TEST(fails_with({"conv2d", "input"}, [&] { conv2d(none, w, none); }));
  BOOST_TEST(fails_with({"conv_transpose2d", "third axis"}, [&] {
    conv_transpose2d(x, Var(Tensor({3, 3, 4, 3})), none);
  }));
  BOOST_TEST(fails_with({"conv_transpose2d", "output_padding {1, 0}"}, [&] {
    conv_transpose2d(x, w, none, {.output_padding = {1, 0}});
  }));
  BOOST_TEST(fails_with({"conv_transpose2d", "less padding"}, [&] {
    conv_transpose2d(x, w, none, {.padding = {5, 5}});
  }));
}

BOOST_AUTO_TEST_CASE(activations_in_the_same_pass_change_no_bit) {
  // Besides the cases above: Winograd's method with many tiles and with few.
  std::vector<Case> all(std::begin(cases), std::end(cases));
  all.push_back({{4, 20, 20, 16}, {3, 3, 16, 20}, {.padding = {1, 1}}, {.winograd = Winograd::f4}});
  all.push_back({{2, 4, 4, 64}, {3, 3, 64, 64}, {.padding = {1, 1}}, {.winograd = Winograd::f2}});
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (Case c : all) {
      const Tensor x = random(c.x, 1, -1, 1, dtype), w = random(c.w, 2, -1, 1, dtype);
      const Tensor b = random({c.w[3]}, 3, -1, 1, dtype);
      const auto run = [&](bool fused) {
        Tape tape;
        const Var vx = tape.input(x), vw = tape.input(w), vb = tape.input(b);
        c.call.activation = fused ? Activation::relu : Activation::none;
        const Var convolved = conv2d(vx, vw, vb, c.geometry, c.call);
        const Var y = fused ? convolved : relu(convolved);
        tape.backward(y, random(y.shape(), 4, -1, 1, dtype));
        return std::array{y.value(), tape.gradient(vx), tape.gradient(vw), tape.gradient(vb)};
      };
      const auto fused = run(true), apart = run(false);
      double smallest = 1, zeros = 0;
      for (const double v : values(fused[0])) {
        smallest = std::min(smallest, v);
        zeros += v == 0 ? 1 : 0;
      }
      BOOST_TEST(smallest == 0);
      BOOST_TEST(zeros > static_cast<double>(fused[0].size()) / 5);
      for (std::size_t i = 0; i < fused.size(); ++i) BOOST_TEST(values(fused[i]) == values(apart[i]), c.x << ": " << i);
    }
  }
  const Case& c = cases[0];
  BOOST_TEST(fails_with({"channel_sums together with an activation"}, [&] {
    conv2d(random(c.x, 1), random(c.w, 2), {}, {}, {.channel_sums = true, .activation = Activation::relu});
  }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test
