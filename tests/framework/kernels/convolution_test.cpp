#include <boost/test/unit_test.hpp>

#include "framework/compute/convolution.h"
#include "tests/support/naive.h"

namespace ebb::test {
namespace {

// Numbers in a range, drawn one after the other.
class Draw {
 public:
  explicit Draw(Rng rng) : rng_(rng) {}
  std::int64_t operator()(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(high - low + 1), next_++));
  }
  bool one_in(std::int64_t n) { return (*this)(1, n) == 1; }

 private:
  Rng rng_;
  std::uint64_t next_ = 0;
};

ConvolutionShape random_shape(Draw& draw) {
  constexpr std::int64_t channels[] = {1, 2, 3, 4, 5, 6, 8, 15, 16, 17, 18, 31, 32, 33, 48};
  const auto channel = [&] { return channels[draw(0, std::size(channels) - 1)]; };
  ConvolutionShape s;
  s.images = draw(1, draw.one_in(3) ? 9 : 2);
  s.groups = draw.one_in(4) ? draw(2, 4) : 1;
  std::int64_t in = channel(), out = channel();
  if (draw.one_in(6)) {  // depthwise
    in = out = 1;
    s.groups = draw(2, 40);
  } else if (draw.one_in(15)) {
    in = draw(65, 90);  // several blocks of channels in the weight gradient
  }
  s.in = in * s.groups;
  s.out = out * s.groups;
  for (std::size_t i = 0; i < 2; ++i) {
    s.kernel[i] = draw(1, 5);
    s.stride[i] = draw.one_in(9) ? draw(4, 7) : draw(1, 3);  // also longer than the kernel
    s.padding[i] = draw(0, 3);
    s.dilation[i] = draw(1, 3);
    const std::int64_t reach = s.dilation[i] * (s.kernel[i] - 1) + 1;
    s.input[i] = std::max<std::int64_t>(1, reach - 2 * s.padding[i]) + draw(0, draw.one_in(5) ? 30 : 8);
    s.output[i] = (s.input[i] + 2 * s.padding[i] - reach) / s.stride[i] + 1;
  }
  s.weight_out_first = draw.one_in(2);
  return s;
}

std::string describe(const ConvolutionShape& s, DType dtype) {
  return text(dtype, " in ", instruction_set(), ": input ", s.input_shape(), ", weight ", s.weight_shape(), ", output ",
              s.output_shape(), ", groups ", s.groups, ", stride ", s.stride[0], ' ', s.stride[1], ", padding ",
              s.padding[0], ' ', s.padding[1], ", dilation ", s.dilation[0], ' ', s.dilation[1]);
}

boost::test_tools::assertion_result check_passes(const ConvolutionShape& s, DType dtype, std::uint64_t seed) {
  const Tensor x = random(s.input_shape(), seed, -1, 1, dtype), w = random(s.weight_shape(), seed + 1, -1, 1, dtype);
  const Tensor dy = random(s.output_shape(), seed + 2, -1, 1, dtype);
  const Tensor bias = seed % 3 == 0 ? Tensor() : random({s.out}, seed + 3, -1, 1, dtype);
  const Tensor dx_bias = seed % 2 == 0 ? Tensor() : random({s.in}, seed + 4, -1, 1, dtype);
  const NaiveConvolution want = naive_convolution(x, w, dy, bias, dx_bias, s);
  const std::int64_t taps = s.kernel[0] * s.kernel[1];
  const auto compare = [&](const char* pass, const Tensor& got, const Tensor& expected, std::int64_t terms) {
    auto result = close(cast(got, DType::f64), expected, product_tolerance(dtype, terms));
    if (!result) result.message() << ", " << pass << ", " << describe(s, dtype);
    return result;
  };
  auto result = compare("forward", convolution(x, w, bias, s), want.y, taps * s.in / s.groups);
  if (!result) return result;
  result = compare("input gradient", convolution_input_gradient(dy, w, dx_bias, s), want.dx, taps * s.out / s.groups);
  if (!result) return result;
  return compare("weight gradient", convolution_weight_gradient(x, dy, s), want.dw,
                 s.images * s.output[0] * s.output[1]);
}

ConvolutionShape square(std::int64_t images, std::int64_t size, std::int64_t in, std::int64_t out, std::int64_t kernel,
                        std::int64_t stride, std::int64_t padding) {
  const std::int64_t output = (size + 2 * padding - kernel) / stride + 1;
  return {.images = images,
          .in = in,
          .out = out,
          .input = {size, size},
          .output = {output, output},
          .kernel = {kernel, kernel},
          .stride = {stride, stride},
          .padding = {padding, padding}};
}

void check_random_shapes(std::uint64_t first, std::uint64_t count) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (std::uint64_t i = first; i < first + count; ++i) {
      Draw draw(Rng(11).at(i));
      const ConvolutionShape shape = random_shape(draw);
      BOOST_REQUIRE(check_passes(shape, draw.one_in(2) ? DType::f32 : DType::f64, i));
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(convolution_kernels)

BOOST_AUTO_TEST_CASE(random_shapes_in_every_instruction_set) { check_random_shapes(0, 150); }

// The layers of LeNet, ResNet and others, small batches: tiles, bands and blocks of full size.
BOOST_AUTO_TEST_CASE(real_layers_in_every_instruction_set) {
  const ConvolutionShape shapes[] = {square(5, 28, 1, 6, 5, 1, 2),   square(19, 14, 6, 16, 5, 1, 0),
                                     square(2, 32, 3, 16, 3, 1, 1),  square(3, 32, 16, 16, 3, 1, 1),
                                     square(2, 32, 16, 32, 3, 2, 1), square(2, 32, 16, 32, 1, 2, 0),
                                     square(15, 8, 64, 64, 3, 1, 1), square(9, 4, 80, 40, 3, 1, 1),
                                     square(1, 70, 24, 20, 3, 1, 1), square(2, 9, 30, 20, 1, 1, 0)};
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    std::uint64_t seed = 1;
    for (const ConvolutionShape& shape : shapes) BOOST_REQUIRE(check_passes(shape, DType::f32, seed++));
  }
}

// A tap that never meets the image, and an output without any tap.
BOOST_AUTO_TEST_CASE(padding_wider_than_the_filter) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    BOOST_TEST(check_passes(square(2, 3, 2, 3, 2, 1, 4), DType::f64, 1));
    BOOST_TEST(check_passes(square(2, 1, 17, 5, 3, 1, 1), DType::f64, 2));
    BOOST_TEST(check_passes(square(1, 12, 3, 3, 1, 5, 0), DType::f64, 3));
  }
}

BOOST_AUTO_TEST_CASE(an_empty_batch_gives_empty_results_and_a_zero_gradient) {
  const ConvolutionShape s = square(0, 8, 3, 4, 3, 1, 1);
  const Tensor w = random(s.weight_shape(), 1);
  BOOST_TEST(convolution(Tensor(s.input_shape()), w, {}, s).shape() == s.output_shape());
  BOOST_TEST(convolution_input_gradient(Tensor(s.output_shape()), w, {}, s).shape() == s.input_shape());
  BOOST_TEST(max_abs(convolution_weight_gradient(Tensor(s.input_shape()), Tensor(s.output_shape()), s)) == 0);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(convolution_kernels_slow)

BOOST_AUTO_TEST_CASE(many_random_shapes_in_every_instruction_set) { check_random_shapes(150, 2000); }

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test
