// The networks of papers: sizes, kinds of norm and shortcut, names.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <map>
#include <memory>

#include "framework/nn/group_norm.h"
#include "framework/nn/summary.h"
#include "framework/ops/loss.h"
#include "models/mobilenet.h"
#include "models/preact_resnet.h"
#include "models/registry.h"
#include "models/resnet.h"
#include "models/vision_transformer.h"
#include "tests/support/instrumented.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

using test::error_of;

std::unique_ptr<Layer> make(std::string_view name, ModelOptions options = {}) {
  options.image = {32, 32, 3};
  return make_model(name, options, Rng(1));
}

bool with_message(const std::string& message, std::string_view part) { return message.find(part) != std::string::npos; }

// Calls without a tape on a small batch: shape and finiteness.
bool answers(Layer& model, std::int64_t classes = 10) {
  const Tensor y = model(test::random({2, 32, 32, 3}, 5)).value();
  return y.shape() == Shape({2, classes}) && all_finite(y);
}

BOOST_AUTO_TEST_SUITE(zoo)

// Numbers of parameters. "Paper" is what its tables round to; the exact numbers are those of public PyTorch versions of
// the same networks, or were added up by hand from the paper's table.
BOOST_AUTO_TEST_CASE(sizes_are_those_of_the_papers) {
  struct Size {
    const char* name;
    std::optional<Shortcut> shortcut;
    std::int64_t parameters;
    double paper;  // millions
  };
  const std::optional<Shortcut> a = Shortcut::padding, b = Shortcut::projection, none;
  const std::array sizes{
      // He et al. 2015, table 6, option A; exact: github.com/akamaster/pytorch_resnet_cifar10
      Size{"resnet20", a, 269722, 0.27},
      Size{"resnet32", a, 464154, 0.46},
      Size{"resnet44", a, 658586, 0.66},
      Size{"resnet56", a, 853018, 0.85},
      Size{"resnet110", a, 1727962, 1.7},
      // ... with two projections: 2752 more
      Size{"resnet20", b, 272474, 0.27},
      Size{"resnet110", b, 1730714, 1.7},
      // He et al. 2015, table 1, with a 3x3 first convolution and ten classes: github.com/kuangliu/pytorch-cifar
      Size{"resnet18", none, 11173962, 11.2},
      Size{"resnet34", none, 21282122, 21.3},
      // He et al. 2016, table 2: 1.7 M for depth 110
      Size{"preresnet110", none, 1730522, 1.7},
      // Zagoruyko, Komodakis 2016, tables 4 and 5; 36479194: github.com/xternalz/WideResNet-pytorch
      Size{"wrn-16-8", none, 10961370, 11.0},
      Size{"wrn-22-8", none, 17158106, 17.2},
      Size{"wrn-28-10", none, 36479194, 36.5},
      Size{"wrn-40-2", none, 2243546, 2.2},
      Size{"wrn-40-4", none, 8949210, 8.9},
      // torchvision's mobilenet_v2 with num_classes=10; Sandler et al. 2018, table 4: 3.4 M with 1000 classes
      Size{"mobilenetv2", none, 2236682, 2.2},
      // Simonyan, Zisserman 2014, configurations A, B, D with one linear layer: convolutions without bias, batch norm
      Size{"vgg11bn", none, 9228362, 9.2},
      Size{"vgg13bn", none, 9413066, 9.4},
      Size{"vgg16bn", none, 14724042, 14.7},
      // 48 x 64 + 64 of patches, 64 x 64 of places, 4 x 49,984 of blocks, 128 of the norm, 64 x 10 + 10
      Size{"vit", none, 207946, 0.2},
  };
  for (const Size& size : sizes) {
    if (test::instrumented && size.parameters > 3'000'000) continue;
    const std::int64_t parameters = make(size.name, {.shortcut = size.shortcut})->parameter_count();
    BOOST_TEST(parameters == size.parameters, size.name << " has " << parameters);
    // The paper's number, rounded as it is printed: 0.05 or less than one in ten.
    BOOST_TEST(std::abs(static_cast<double>(parameters) / 1e6 - size.paper) < 0.061, size.name);
  }
  // MobileNetV2 as in the paper, for ImageNet's classes.
  BOOST_TEST(make("mobilenetv2", {.classes = 1000})->parameter_count() == 3504872);
}

BOOST_AUTO_TEST_CASE(every_norm_in_every_network) {
  for (const char* const name : {"resnet20", "preresnet20", "wrn-10-1", "resnet9", "vgg11bn", "mobilenetv2"}) {
    std::int64_t with_batch = 0;
    for (const Norm norm : {Norm::batch, Norm::layer, Norm::group, Norm::none}) {
      ModelOptions options{.norm = NormOptions{.kind = norm}};
      if (std::string_view(name) == "resnet9") options.width = 8;
      const auto model = make(name, options);
      BOOST_TEST(answers(*model), name << " with " << ebb::name(norm));
      std::int64_t batch = 0, group = 0, scales = 0;
      for (const NamedModule& m : model->named_modules()) {
        batch += m.module->type() == "BatchNorm2d" ? 1 : 0;
        group += m.module->type() == "GroupNorm" ? 1 : 0;
      }
      for (const NamedParameter& p : model->named_parameters())
        scales += p.parameter->role() == Role::norm_scale ? 1 : 0;
      if (norm == Norm::batch) with_batch = batch;
      BOOST_TEST((batch > 0) == (norm == Norm::batch));
      BOOST_TEST(group == (norm == Norm::layer || norm == Norm::group ? with_batch : 0));
      BOOST_TEST(scales == (norm == Norm::none ? 0 : with_batch));
    }
  }
  BOOST_TEST(
      with_message(error_of([] { make("resnet20", {.norm = NormOptions{.kind = Norm::group, .groups = 5}}); }), "5"));
}

// One group normalises over the image, several do not.
BOOST_AUTO_TEST_CASE(layer_is_group_with_one_group) {
  const Tensor x = test::random({2, 32, 32, 3}, 9);
  const auto run = [&x](const NormOptions& norm) { return (*make("resnet20", {.norm = norm}))(x).value(); };
  const Tensor layer = run({.kind = Norm::layer});
  BOOST_TEST(test::same_bits(layer, run({.kind = Norm::group, .groups = 1})));
  BOOST_TEST(!test::same_bits(layer, run({.kind = Norm::group, .groups = 8})));
}

// Without norm each block begins as the identity, so that 54 of them leave the activations where they were.
BOOST_AUTO_TEST_CASE(deep_networks_without_norm_begin_shallow) {
  const Tensor x = test::random({2, 32, 32, 3}, 9);
  for (const char* const name : {"resnet110", "preresnet110"}) {
    const auto model = make(name, {.norm = NormOptions{.kind = Norm::none}});
    BOOST_TEST(max_abs((*model)(x).value()) < 100, name);
    for (const NamedParameter& p : model->named_parameters())
      if (p.path.ends_with("conv2.weight")) BOOST_TEST(max_abs(p.parameter->value()) == 0);
  }
}

// Norms of tokens stand in the places of those of images; patches have to fit.
BOOST_AUTO_TEST_CASE(the_vision_transformer_with_every_norm) {
  const auto types = [](const ModelOptions& options) {
    std::map<std::string, int> out;
    const auto model = make("vit", options);
    BOOST_TEST(answers(*model));
    for (const NamedModule& m : model->named_modules()) ++out[m.module->type()];
    return out;
  };
  BOOST_TEST(types({})["LayerNorm"] == 9);
  BOOST_TEST(types({.norm = NormOptions{.kind = Norm::batch}})["BatchNorm2d"] == 9);
  BOOST_TEST(types({.norm = NormOptions{.kind = Norm::group}})["GroupNorm"] == 9);
  std::map<std::string, int> bare = types({.norm = NormOptions{.kind = Norm::none}, .dropout = 0.1});
  BOOST_TEST(bare["LayerNorm"] + bare["BatchNorm2d"] + bare["GroupNorm"] == 0);
  BOOST_TEST(bare["Dropout"] == 4);
  BOOST_TEST(answers(*make("vit", {.norm = NormOptions{.own = [](std::int64_t channels) {
                                     return std::make_unique<GroupNorm>(
                                         GroupNormOptions{.groups = 2, .channels = channels});
                                   }}})));
  const Rng rng(1);
  BOOST_TEST(with_message(error_of([&] { make_model("vit", {.image = {30, 32, 3}}, rng); }), "a patch that divides"));
  BOOST_TEST(with_message(error_of([&] { VisionTransformer({.heads = 5}, rng); }), "heads that divide size"));
  BOOST_TEST(with_message(error_of([&] { VisionTransformer({.depth = 0}, rng); }), "depth = 0"));
  VisionTransformer net({}, rng);
  BOOST_TEST(with_message(error_of([&] { net(Var(Tensor::zeros({1, 28, 28, 3}))); }), "64 patches"));
}

BOOST_AUTO_TEST_CASE(shortcuts_and_dropout) {
  const auto padding = make("resnet20", {.shortcut = Shortcut::padding});
  BOOST_TEST(answers(*padding));
  bool projected = false;
  for (const NamedParameter& p : padding->named_parameters())
    projected = projected || p.path.find("shortcut") != std::string::npos;
  BOOST_TEST(!projected);
  BOOST_TEST(name(Shortcut::padding) == std::string("padding"));

  const auto wrn = make("wrn-10-2", {.dropout = 0.3});
  const Tensor x = test::random({2, 32, 32, 3}, 9);
  const Tensor first = (*wrn)(x).value();
  BOOST_TEST(!test::same_bits(first, (*wrn)(x).value()));
  wrn->eval();
  const Tensor second = (*wrn)(x).value();
  BOOST_TEST(test::same_bits(second, (*wrn)(x).value()));
}

// The shape of what the linear layer sees: the sizes that strides leave.
BOOST_AUTO_TEST_CASE(maps_of_mobilenet) {
  const auto model = make("mobilenetv2");
  const Summary s = summary(*model, {1, 32, 32, 3});
  const auto shape = [&s](const std::string& path) {
    return std::ranges::find(s.rows, path, &SummaryRow::path)->output;
  };
  BOOST_TEST((shape("conv1") == Shape{1, 32, 32, 32}));
  BOOST_TEST((shape("blocks.2") == Shape{1, 32, 32, 24}));
  BOOST_TEST((shape("blocks.16") == Shape{1, 4, 4, 320}));
  BOOST_TEST((shape("conv2") == Shape{1, 4, 4, 1280}));
  MobileNetV2 small({.stem = 8, .stages = {{2, 8, 2, 1}}, .head = 16, .dropout = 0.2}, Rng(1));
  BOOST_TEST(answers(small));
}

// Losses fall in a few steps on one batch: gradients reach every parameter with the right sign.
BOOST_AUTO_TEST_CASE(every_parameter_learns) {
  const Tensor x = test::random({4, 32, 32, 3}, 9);
  const Tensor labels = Tensor::from<std::int64_t>({0, 3, 5, 9}, {4});
  for (const char* const name : {"resnet20", "preresnet20", "wrn-10-2", "mobilenetv2", "vit"}) {
    const auto model = make(name);
    Tape tape;
    tape.backward(softmax_cross_entropy((*model)(x), labels));
    for (const NamedParameter& p : model->named_parameters())
      BOOST_TEST((p.parameter->grad().defined() && max_abs(p.parameter->grad()) > 0), name << " " << p.path);
  }
}

BOOST_AUTO_TEST_CASE(names) {
  BOOST_TEST(make("resnet-20")->parameter_count() == 272474);
  BOOST_TEST(make("wrn28-1")->parameter_count() == make("wrn-28-1")->parameter_count());
  BOOST_TEST(answers(*make("resnet8", {.classes = 3}), 3));
  const auto refused = [](const char* name, const ModelOptions& options, const char* part) {
    return with_message(error_of([&] { make(name, options); }), part);
  };
  BOOST_TEST(refused("resnet21", {}, "6 n + 2"));
  BOOST_TEST(refused("wrn-28-0", {}, "a width of 0"));
  BOOST_TEST(refused("wrn-27-2", {}, "6 n + 4"));
  BOOST_TEST(refused("wrn-28", {}, "make_model"));
  BOOST_TEST(refused("wrn-28-10-1", {}, "make_model"));
  BOOST_TEST(refused("wrn-99999999999999999999-1", {}, "make_model"));
  BOOST_TEST(refused("resnetx", {}, "did you mean"));
  BOOST_TEST(refused("mlp", {.norm = NormOptions{.kind = Norm::group}}, "got norm for mlp; wanted one of hidden"));
  BOOST_TEST(refused("lenet", {.norm = NormOptions{}}, "got norm for lenet; wanted no option"));
  BOOST_TEST(refused("vgg11bn", {.shortcut = Shortcut::padding}, "shortcut for vgg11bn"));
  BOOST_TEST(refused("resnet20", {.dropout = 0.5}, "dropout for resnet20; wanted one of norm, shortcut"));
  BOOST_TEST(refused("resnet20", {.width = 8}, "width for resnet20"));
  BOOST_TEST(refused("linear", {.hidden = std::vector<std::int64_t>{8}}, "hidden for linear"));
  BOOST_TEST(make("mlp", {.hidden = std::vector<std::int64_t>{4, 3}})->parameter_count() ==
             3072 * 4 + 4 + 4 * 3 + 3 + 3 * 10 + 10);
  BOOST_TEST(with_message(error_of([] { make_model("resnet20", {.image = {784}}, Rng(1)); }), "[784]"));
  BOOST_TEST(error_of([] { ResNet({.widths = {16}, .blocks = {}}, Rng(1)); }) != "no error");
  BOOST_TEST(error_of([] { PreactResNet({.widths = {}, .blocks = {}}, Rng(1)); }) != "no error");
  BOOST_TEST(error_of([] { MobileNetV2({.stages = {}}, Rng(1)); }) != "no error");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
