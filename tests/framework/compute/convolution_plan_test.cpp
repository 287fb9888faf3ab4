// Plans are functions of shapes: they are judged without computing a convolution.
#include "framework/compute/convolution_plan.h"

#include <boost/test/unit_test.hpp>

#include "framework/compute/blocks.h"
#include "framework/compute/instruction_set.h"
#include "framework/parallel/parallel.h"

namespace ebb::test {
namespace {

using detail::GatherPlan;
using detail::GatherShape;
using detail::WeightGradientPlan;

constexpr std::int64_t second_cache = 256 << 10;

ConvolutionShape layer(std::int64_t images, std::int64_t size, std::int64_t in, std::int64_t out, std::int64_t kernel,
                       std::int64_t stride = 1, std::int64_t groups = 1) {
  const std::int64_t padding = kernel / 2;
  const std::int64_t result = (size + 2 * padding - kernel) / stride + 1;
  return {.images = images,
          .in = in,
          .out = out,
          .input = {size, size},
          .output = {result, result},
          .kernel = {kernel, kernel},
          .stride = {stride, stride},
          .padding = {padding, padding},
          .groups = groups};
}

GatherShape gather_shape(const ConvolutionShape& s) {
  GatherShape out{
      .images = s.images, .groups = s.groups, .source_channels = s.in, .result_channels = s.out, .axis = {}};
  for (std::size_t i = 0; i < 2; ++i)
    out.axis[i] = {s.kernel[i], s.stride[i], s.padding[i], s.dilation[i], s.input[i], s.output[i], false};
  return out;
}

const std::vector<ConvolutionShape> layers = {layer(128, 28, 1, 6, 5),      layer(128, 32, 3, 16, 3),
                                              layer(128, 32, 16, 32, 3, 2), layer(128, 8, 64, 64, 3),
                                              layer(1, 224, 3, 64, 7, 2),   layer(32, 56, 64, 64, 3, 1, 64),
                                              layer(7, 5, 96, 200, 1, 2),   layer(3, 300, 16, 24, 3)};

}  // namespace

BOOST_AUTO_TEST_SUITE(convolution_plans)

// Bands of all images cover every row once, channels every channel, and what a block packs fits the second cache.
BOOST_AUTO_TEST_CASE(blocks_cover_everything_once_and_fit_the_second_cache) {
  const std::string before = instruction_set();
  for (const std::string& set : instruction_sets()) {
    set_instruction_set(set);
    const auto& kernel = kernels_of<float>().convolution;
    for (const ConvolutionShape& s : layers) {
      BOOST_TEST_CONTEXT(set << ", input " << text(s.input_shape()) << ", weight " << text(s.weight_shape())) {
        const GatherPlan p = detail::plan_gather(gather_shape(s), kernel);
        const std::int64_t rows = s.output[0];
        BOOST_TEST(p.bands * p.band_rows >= rows);
        BOOST_TEST((p.bands - 1) * p.band_rows < rows);
        BOOST_TEST(p.together >= 1);
        BOOST_TEST(p.together <= s.images);
        BOOST_TEST(p.blocks * p.block >= p.source);
        BOOST_TEST((p.blocks - 1) * p.block < p.source);
        BOOST_TEST(p.taps == s.kernel[0] * s.kernel[1]);
        BOOST_TEST(p.first_row == -s.padding[0]);
        BOOST_TEST(p.last_row == s.kernel[0] - 1 - s.padding[0]);
        const std::int64_t source_rows = std::min(s.input[0], (p.band_rows - 1) * s.stride[0] + s.kernel[0]);
        if (p.band_rows > 1) BOOST_TEST(source_rows * p.blocks * p.packed_row(p.together) * 4 <= second_cache);

        const WeightGradientPlan w = detail::plan_weight_gradient(s, kernel);
        BOOST_TEST(w.bands * w.band_rows >= rows);
        BOOST_TEST((w.bands - 1) * w.band_rows < rows);
        BOOST_TEST(w.image_blocks * w.block_units >= s.images * w.bands);
        BOOST_TEST((w.image_blocks - 1) * w.block_units < s.images * w.bands);
        BOOST_TEST(w.panels * w.panel >= w.result);
        BOOST_TEST(w.joint_panels <= w.panels);
        BOOST_TEST(w.size == s.weight_shape().size());
      }
    }
  }
  set_instruction_set(before);
}

// A plan that looked at the threads would give sums in another order, and other bits, on another machine.
BOOST_AUTO_TEST_CASE(partial_gradients_do_not_depend_on_threads) {
  const int before = parallel::thread_count();
  const auto& kernel = kernels_of<float>().convolution;
  for (const ConvolutionShape& s : layers) {
    std::vector<std::int64_t> blocks;
    for (const int threads : {1, 2, 5}) {
      parallel::set_thread_count(threads);
      blocks.push_back(detail::plan_weight_gradient(s, kernel).image_blocks);
    }
    BOOST_TEST(blocks[0] == blocks[1]);
    BOOST_TEST(blocks[0] == blocks[2]);
  }
  parallel::set_thread_count(before);
}

// Few result channels leave most of a register empty: pixels are its lanes then.
BOOST_AUTO_TEST_CASE(few_channels_are_computed_in_planes_and_depthwise_ones_side_by_side) {
  const auto& kernel = kernels_of<float>().convolution;
  BOOST_TEST(detail::plan_gather(gather_shape(layer(128, 28, 1, 2, 5)), kernel).planes > 0);
  BOOST_TEST(detail::plan_gather(gather_shape(layer(128, 32, 16, 64, 3)), kernel).planes == 0);
  const GatherPlan depthwise = detail::plan_gather(gather_shape(layer(32, 56, 64, 64, 3, 1, 64)), kernel);
  BOOST_TEST(depthwise.depthwise);
  BOOST_TEST(depthwise.packed_groups == 1);
  BOOST_TEST(depthwise.block == 64);
}

BOOST_AUTO_TEST_CASE(a_1x1_filter_with_a_stride_packs_the_pixels_it_meets) {
  const ConvolutionShape s = layer(7, 5, 96, 200, 1, 2);
  const WeightGradientPlan p = detail::plan_weight_gradient(s, kernels_of<float>().convolution);
  BOOST_TEST(p.shape.input[0] == 3);
  BOOST_TEST(p.shape.stride[0] == 1);
  BOOST_TEST(p.x_pixel == 2 * 96);
  BOOST_TEST(p.x_row == 2 * 5 * 96);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test
