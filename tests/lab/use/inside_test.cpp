// Filters, maps, saliency and Grad-CAM as calls: what they give, what they leave alone, and what they refuse.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "framework/nn/flatten.h"
#include "framework/nn/linear.h"
#include "framework/nn/sequential.h"
#include "framework/ops/arithmetic.h"
#include "lab/format/pixel_font.h"
#include "lab/use/called_layers.h"
#include "lab/use/feature_maps.h"
#include "lab/use/filter_sheet.h"
#include "lab/use/grad_cam.h"
#include "lab/use/inside_sheets.h"
#include "lab/use/saliency.h"
#include "models/registry.h"
#include "tests/support/errors.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

using test::fails_with;
using test::same_bits;

Tensor image_for(const char* model, std::int64_t count = 1) {
  const bool grey = std::string_view(model) == "lenet" || std::string_view(model) == "mnistcnn";
  return test::random({count, grey ? 28 : 32, grey ? 28 : 32, grey ? 1 : 3}, 7);
}

std::unique_ptr<Layer> made(const char* model) {
  return make_model(model, {.image = image_for(model).shape().without(0)}, Rng(1));
}

// Calls what it declared last first.
class Backwards : public Layer {
 public:
  explicit Backwards(const Rng& rng)
      : second_(*this, "second", {.in = 4, .out = 5}, rng),
        first_(*this, "first", {.in = 1, .out = 4}, rng),
        flatten_(*this, "flatten"),
        fc_(*this, "fc", {.in = 5 * 4 * 4, .out = 3}, rng) {}
  Var forward(const Var& x) override { return fc_(flatten_(second_(first_(x)))); }

 private:
  Child<Conv2d> second_, first_;
  Child<Flatten> flatten_;
  Child<Linear> fc_;
};

BOOST_AUTO_TEST_SUITE(inside)

BOOST_AUTO_TEST_CASE(norms_are_those_of_the_filters) {
  for (const char* const name : {"lenet", "mnistcnn", "resnet8", "speednet", "mobilenetv2", "vgg11bn"}) {
    const auto model = made(name);
    const Filters filters = first_filters(*model, image_for(name).shape().without(0));
    const Tensor& w = filters.weights;
    BOOST_REQUIRE(filters.norms.size() == static_cast<std::size_t>(w.dim(3)));
    for (std::int64_t f = 0; f < w.dim(3); ++f) {
      double sum = 0;
      for (std::int64_t y = 0; y < w.dim(0); ++y)
        for (std::int64_t x = 0; x < w.dim(1); ++x)
          for (std::int64_t c = 0; c < w.dim(2); ++c) sum += w.at({y, x, c, f}) * w.at({y, x, c, f});
      BOOST_TEST(std::abs(filters.norms[static_cast<std::size_t>(f)] / std::sqrt(sum) - 1) < 1e-12, name);
    }
    BOOST_TEST((w.dim(2) == image_for(name).dim(3)), name);
  }
  BOOST_TEST(first_filters(*made("speednet"), {32, 32, 3}).norms.size() == 24U);  // the whitening ones
}

BOOST_AUTO_TEST_CASE(the_first_convolution_is_the_first_that_is_called) {
  Backwards model{Rng(1)};
  BOOST_TEST(first_filters(model, {8, 8, 1}).layer == "first");
  const std::vector<CalledLayer> layers = called_layers(model, {8, 8, 1});
  BOOST_TEST(last_convolution(layers)->path == "second");
  BOOST_TEST(layers.size() == 4U);
  BOOST_TEST((feature_maps(model, test::random({2, 8, 8, 1}, 1)).shape() == Shape{2, 6, 6, 4}));
  BOOST_TEST((grad_cam(model, test::random({2, 8, 8, 1}, 1)).shape() == Shape{2, 4, 4}));
}

BOOST_AUTO_TEST_CASE(the_share_below_one_percent_is_counted_and_said) {
  Tensor weights = Tensor::zeros({1, 1, 1, 5});
  const std::vector<float> values{2.0f, -0.019f, 0.0201f, 0.0f, 1.0f};
  std::ranges::copy(values, weights.mutable_data<float>());
  BOOST_TEST(filters_of("conv", weights).below(0.01) == 2);
  BOOST_TEST(in_words(filters_of("conv", weights)) ==
             "2 of 5 filters (40.00 %) of conv have a norm below 1 % of the largest, 2");
  const Filters none = filters_of("conv", Tensor::zeros({3, 3, 1, 4}));
  BOOST_TEST(none.below(0.01) == 4);
  BOOST_TEST(in_words(none) == "all 4 filters of conv are zero");
  weights.mutable_data<float>()[3] = std::numeric_limits<float>::infinity();
  BOOST_TEST(in_words(filters_of("conv", weights)) == "filters of conv are not finite");
  BOOST_TEST(fails_with({"[5, 1]", "[kh, kw, in, filters]"}, [&] { filters_of("x", Tensor::zeros({5, 1})); }));
}

BOOST_AUTO_TEST_CASE(short_numbers) {
  const std::vector<std::pair<double, const char*>> wanted{{0, "0"},
                                                           {0.834, "0.83"},
                                                           {0.996, "1.0"},
                                                           {1.25, "1.2"},
                                                           {9.94, "9.9"},
                                                           {9.96, "10"},
                                                           {123.4, "123"},
                                                           {0.0123, "0.01"},
                                                           {0.0042, "4E-3"},
                                                           {3e-12, "3E-12"},
                                                           {9999.4, "9999"},
                                                           {54321, "5E4"},
                                                           {std::numeric_limits<double>::infinity(), "INF"},
                                                           {std::nan(""), "NAN"}};
  for (const auto& [value, text] : wanted) BOOST_TEST(short_number(value) == text);
}

// Whether the letters stand in the picture with their corner at (top, left), black on white.
bool stands(const Tensor& picture, std::string_view text, std::int64_t top, std::int64_t left, std::int64_t zoom) {
  for (const char letter : text) {
    const auto rows = letter_rows(letter);
    for (std::int64_t y = 0; y < letter_height * zoom; ++y)
      for (std::int64_t x = 0; x < letter_width * zoom; ++x) {
        const bool black = (rows[static_cast<std::size_t>(y / zoom)] >> (2 - x / zoom) & 1) != 0;
        if (picture.at({top + y, left + x, 0}) != (black ? 0 : 255)) return false;
      }
    left += letter_step * zoom;
  }
  return true;
}

// Filters of one pixel are squares of 40 pixels in cells of 48; blocks stand 32 apart and begin under their labels.
BOOST_AUTO_TEST_CASE(sheets_have_one_scale_and_the_norms_under_the_filters) {
  const auto bank = [](const char* label, std::vector<float> values) {
    const auto count = static_cast<std::int64_t>(values.size());
    return LabelledFilters{label, filters_of("conv", Tensor::from(std::span<const float>(values), {1, 1, 1, count}))};
  };
  const std::vector<LabelledFilters> banks{bank("strong", {2, -2, 1}), bank("weak", {0.02f, 0, -1})};
  const Tensor sheet = filter_sheet(banks);
  BOOST_TEST((sheet.shape() == Shape{8 + 18 + 61, 2 * 152 + 32, 1}));
  const auto shade = [&](std::int64_t block, std::int64_t f) {
    return sheet.at({26 + 20, 8 + block * (152 + 32) + f * 48 + 20, 0});
  };
  const std::vector<std::vector<double>> wanted{{255, 0, 191}, {129, 128, 64}};
  const std::vector<std::vector<std::string>> norms{{"2.0", "2.0", "1.0"}, {"0.02", "0", "1.0"}};
  for (std::int64_t block = 0; block < 2; ++block)
    for (std::int64_t f = 0; f < 3; ++f) {
      const auto b = static_cast<std::size_t>(block), i = static_cast<std::size_t>(f);
      BOOST_TEST(shade(block, f) == wanted[b][i]);
      const auto width = static_cast<std::int64_t>(norms[b][i].size()) * 8 - 2;
      BOOST_TEST(stands(sheet, norms[b][i], 26 + 43, 8 + block * 184 + f * 48 + (40 - width) / 2, 2), norms[b][i]);
    }
  BOOST_TEST(stands(sheet, "strong", 8, 8, 2));
  BOOST_TEST(stands(sheet, "weak", 8, 8 + 184, 2));
}

BOOST_AUTO_TEST_CASE(filters_for_three_channels_have_colours) {
  Tensor weights = Tensor::zeros({1, 1, 3, 1});
  weights.mutable_data<float>()[1] = 1;
  const std::vector<LabelledFilters> banks{{"", filters_of("conv", weights)}};
  const Tensor sheet = filter_sheet(banks);
  BOOST_TEST((sheet.shape() == Shape{8 + 61, 8 + 48, 3}));
  BOOST_TEST(sheet.at({28, 28, 0}) == 128);
  BOOST_TEST(sheet.at({28, 28, 1}) == 255);
}

BOOST_AUTO_TEST_CASE(maps_are_what_the_layer_gives) {
  for (const char* const name : {"lenet", "resnet8", "speednet"}) {
    const auto model = made(name);
    const Tensor images = image_for(name, 2);
    const std::vector<CalledLayer> layers = called_layers(*model, images.shape().without(0));
    const CalledLayer& first = *first_convolution(layers);
    model->eval();
    const Tensor wanted = (*first.layer)(images).value();
    model->train();
    BOOST_TEST(same_bits(feature_maps(*model, images), wanted), name);
    BOOST_TEST(same_bits(feature_maps(*model, images, first.path), wanted), name);
    BOOST_TEST(model->training());
  }
  // From the smallest value, black, to the largest, white: maps of 2 x 1 pixels are 64 high.
  const Tensor sheet = map_sheet(Tensor::from({-1.0f, 3.0f, 1.0f, 0.0f}, {1, 2, 1, 2}));
  BOOST_TEST((sheet.shape() == Shape{8 + 72, 8 + 2 * 40, 1}));
  for (const auto& [y, x, value] : std::vector<std::array<std::int64_t, 3>>{
           {8, 8, 0}, {8, 48, 255}, {8 + 63, 8, 128}, {8 + 63, 48 + 31, 64}, {0, 0, 255}})
    BOOST_TEST(sheet.at({y, x, 0}) == static_cast<double>(value));
}

BOOST_AUTO_TEST_CASE(a_misspelt_layer_gets_a_suggestion) {
  const auto model = made("lenet");
  const Tensor image = image_for("lenet");
  BOOST_TEST(fails_with({"\"covn1\"", "did you mean \"conv1\""}, [&] { feature_maps(*model, image, "covn1"); }));
  BOOST_TEST(fails_with({"\"conv9\"", "conv"}, [&] { grad_cam(*model, image, {.layer = "conv9"}); }));
  BOOST_TEST(fails_with({"fc1", "[1, h, w, c]"}, [&] { grad_cam(*model, image, {.layer = "fc1"}); }));
  const auto mlp = made("mlp");
  BOOST_TEST(fails_with({"without a convolution"}, [&] { grad_cam(*mlp, image_for("mlp")); }));
  BOOST_TEST(fails_with({"without a convolution"}, [&] { first_filters(*mlp, {32, 32, 3}); }));
}

// All of it leaves modes, frozen parameters, gradients and an outer tape alone, also when it fails.
BOOST_AUTO_TEST_CASE(a_network_that_was_looked_into_is_as_before) {
  const auto model = made("resnet8");
  const std::vector<Parameter*> parameters = model->parameters();
  parameters[1]->freeze();
  const State before = model->state();
  const Tensor images = image_for("resnet8", 2), wrong = Tensor::full({2}, 10, DType::i64);
  Tape outer;
  const Var x = outer.input(images);
  const Var y = x * x;
  input_gradient(*model, images);
  grad_cam(*model, images);
  feature_maps(*model, images);
  BOOST_TEST(fails_with({"class 10", "0 to 9"}, [&] { input_gradient(*model, images, wrong); }));
  BOOST_TEST(fails_with({"classes", "i64 [2]"}, [&] { saliency(*model, images, Tensor::zeros({3}, DType::i64)); }));
  outer.backward(y, Tensor::full(y.shape(), 1));
  BOOST_TEST(max_abs(outer.gradient(x)) > 0);
  BOOST_TEST(model->training());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    BOOST_TEST(parameters[i]->frozen() == (i == 1));
    BOOST_TEST(!parameters[i]->grad().defined());
  }
  for (const auto& [path, value] : model->state()) BOOST_TEST(same_bits(value, before.at(path)), path);
}

// An image's saliency does not depend on what is beside it.
BOOST_AUTO_TEST_CASE(each_image_has_its_own_class_and_gradient) {
  const auto model = made("lenet");
  const Tensor images = image_for("lenet", 3);
  const Tensor all = saliency(*model, images);
  for (std::int64_t n = 0; n < 3; ++n) {
    const Tensor one =
        Tensor::from(images.span<float>().subspan(static_cast<std::size_t>(n) * 784, 784), {1, 28, 28, 1});
    const Tensor alone = saliency(*model, one);
    double worst = 0;
    for (std::int64_t i = 0; i < 784; ++i)
      worst = std::max(worst, std::abs(double{alone.data<float>()[i]} - all.data<float>()[784 * n + i]));
    BOOST_TEST(worst < 1e-6 * max_abs(alone));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
