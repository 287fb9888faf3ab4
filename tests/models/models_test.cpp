#include <algorithm>

#include "framework/nn/import_torch.h"
#include "framework/nn/summary.h"
#include "framework/ops/loss.h"
#include "models/lenet.h"
#include "models/mlp.h"
#include "models/registry.h"
#include "tests/support/instrumented.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

using test::error_of;

const SummaryRow& row(const Summary& summary, const std::string& path) {
  return *std::ranges::find(summary.rows, path, &SummaryRow::path);
}

// Numbers worked out by hand; PyTorch's models of the same shapes have as many.
BOOST_AUTO_TEST_SUITE(models)

BOOST_AUTO_TEST_CASE(lenet_has_its_published_size) {
  LeNet model{Rng(1)};
  BOOST_TEST(model.parameter_count() == 61706);
  const Summary s = summary(model, {1, 28, 28, 1});
  BOOST_TEST(s.parameters == 61706);
  BOOST_TEST(s.multiply_adds == 117600 + 240000 + 48000 + 10080 + 840);
  BOOST_TEST((row(s, "conv1").output == Shape{1, 28, 28, 6}));
  BOOST_TEST((row(s, "conv2").output == Shape{1, 10, 10, 16}));
  BOOST_TEST((row(s, "flatten").output == Shape{1, 400}));
  BOOST_TEST((row(s, "fc3").output == Shape{1, 10}));
  BOOST_TEST(row(s, "conv2").parameters == 5 * 5 * 6 * 16 + 16);
  BOOST_TEST(row(s, "conv1").activation_bytes == 28 * 28 * 6 * 4);
  std::string paths;
  for (const NamedParameter& p : model.named_parameters()) paths += p.path + ' ';
  BOOST_TEST(paths ==
             "conv1.weight conv1.bias conv2.weight conv2.bias fc1.weight fc1.bias fc2.weight fc2.bias fc3.weight "
             "fc3.bias ");
}

BOOST_AUTO_TEST_CASE(lenet_for_other_images) {
  LeNet model({.image = {32, 36, 3}, .classes = 100}, Rng(1));
  BOOST_TEST((model(Tensor::zeros({2, 32, 36, 3})).shape() == Shape{2, 100}));
  BOOST_TEST((model.flatten->image() == Shape{6, 7, 16}));
  BOOST_TEST(error_of([&] { model(Tensor::zeros({2, 36, 32, 3})); }).find("[Flatten in flatten]") != std::string::npos);
  BOOST_TEST(error_of([] { LeNet({.image = {8, 28, 1}}, Rng(1)); }).find("[LeNet]") != std::string::npos);
}

// PyTorch flattens channels first; LeNet knows its image from the start, so the rows of fc1 are permuted.
BOOST_AUTO_TEST_CASE(lenet_takes_a_state_of_pytorch_before_its_first_call) {
  LeNet model{Rng(1)};
  State torch{{"conv1.weight", test::random({6, 1, 5, 5}, 1)},  {"conv1.bias", test::random({6}, 2)},
              {"conv2.weight", test::random({16, 6, 5, 5}, 3)}, {"conv2.bias", test::random({16}, 4)},
              {"fc1.weight", test::random({120, 400}, 5)},      {"fc1.bias", test::random({120}, 6)},
              {"fc2.weight", test::random({84, 120}, 7)},       {"fc2.bias", test::random({84}, 8)},
              {"fc3.weight", test::random({10, 84}, 9)},        {"fc3.bias", test::random({10}, 10)}};
  BOOST_TEST(import_torch(model, torch, "test").exact());
  const std::int64_t y = 3;
  const std::int64_t x = 1;
  const std::int64_t c = 11;
  BOOST_TEST(model.fc1->weight.value().at({(y * 5 + x) * 16 + c, 7}) ==
             torch.at("fc1.weight").at({7, (c * 5 + y) * 5 + x}));
  BOOST_TEST(model.conv2->weight.value().at({4, 2, 5, 13}) == torch.at("conv2.weight").at({13, 5, 4, 2}));
}

BOOST_AUTO_TEST_CASE(mlp_is_named_as_in_pytorch) {
  Mlp model({}, Rng(1));
  BOOST_TEST(model.parameter_count() == 784 * 512 + 512 + 512 * 512 + 512 + 512 * 10 + 10);
  BOOST_TEST(model.state().contains("net.4.bias"));
  BOOST_TEST((model(Tensor::zeros({3, 28, 28, 1})).shape() == Shape{3, 10}));
  Mlp linear({.image = {4}, .hidden = {}, .classes = 3}, Rng(1));
  BOOST_TEST(linear.parameter_count() == 15);
  BOOST_TEST((linear(Tensor::zeros({2, 4})).shape() == Shape{2, 3}));
  BOOST_TEST(error_of([] { Mlp({.hidden = {0}}, Rng(1)); }).find("out = 0") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_registry_makes_every_model) {
  const std::vector<std::string> names = model_names();
  BOOST_TEST(std::ranges::is_sorted(names));
  for (const std::string& name : names) {
    if (name == "wrn-28-10" || name == "wrn-40-4") continue;  // large, and of a family that others show
    const bool large = name.starts_with("vgg") || name.starts_with("wrn") || name == "resnet18" || name == "resnet34";
    if (test::instrumented && large) continue;
    const bool mnist = name == "lenet" || name == "mlp" || name == "linear" || name == "mnistcnn";
    const Shape image = mnist ? Shape{28, 28, 1} : Shape{32, 32, 3};
    const std::unique_ptr<Layer> model = make_model(name, {.image = image, .classes = 7}, Rng(1));
    const Summary s = summary(*model, image.insert(0, 1));
    BOOST_TEST((s.rows.front().output == Shape{1, 7}), name);
    BOOST_TEST(s.parameters > 0, name);
  }
}

// Parameters and multiply-adds of the same networks in PyTorch, for images of 32 x 32 x 3 (28 x 28 x 1) and ten
// classes.
BOOST_AUTO_TEST_CASE(sizes_are_those_of_pytorchs_models) {
  struct Size {
    const char* name;
    Shape image;
    std::int64_t parameters;
    std::int64_t multiply_adds;
  };
  const std::array sizes{
      Size{"lenet", {28, 28, 1}, 61706, 416520},          Size{"mlp", {28, 28, 1}, 669706, 668672},
      Size{"mnistcnn", {28, 28, 1}, 1199882, 11992448},   Size{"resnet20", {32, 32, 3}, 272474, 40813184},
      Size{"resnet18", {32, 32, 3}, 11173962, 555422720}, Size{"resnet9", {32, 32, 3}, 6573130, 379261952},
      Size{"vgg11bn", {32, 32, 3}, 9228362, 152769536}};
  for (const Size& size : sizes) {
    if (test::instrumented && size.parameters > 7'000'000) continue;
    const std::unique_ptr<Layer> model = make_model(size.name, {.image = size.image}, Rng(1));
    const Summary s = summary(*model, size.image.insert(0, 1));
    BOOST_TEST(s.parameters == size.parameters, size.name);
    BOOST_TEST(s.multiply_adds == size.multiply_adds, size.name);
  }
}

BOOST_AUTO_TEST_CASE(an_unknown_name_is_answered_with_the_nearest) {
  const std::string message = error_of([] { make_model("lenett", {}, Rng(1)); });
  for (const char* part : {"[make_model]", "\"lenett\"", "did you mean \"lenet\"?"})
    BOOST_TEST(message.find(part) != std::string::npos, message);
  BOOST_TEST(error_of([] { make_model("", {}, Rng(1)); }).find("lenet") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(equal_keys_make_equal_models) {
  for (const char* name : {"lenet", "mlp"}) {
    const State a = make_model(name, {}, Rng(3))->state();
    const State b = make_model(name, {}, Rng(3))->state();
    const State c = make_model(name, {}, Rng(4))->state();
    for (const auto& entry : a) {
      BOOST_TEST(test::same_bits(entry.second, b.at(entry.first)), entry.first);
      BOOST_TEST(!test::same_bits(entry.second, c.at(entry.first)), entry.first);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
