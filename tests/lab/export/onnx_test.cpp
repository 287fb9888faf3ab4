// ONNX graphs compute what the network computes, whatever it is made of, and say what they are.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "framework/compute/basic.h"
#include "framework/io/safetensors.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/flatten.h"
#include "framework/nn/import_torch.h"
#include "framework/nn/linear.h"
#include "framework/nn/sequential.h"
#include "framework/ops/activation.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/dropout.h"
#include "framework/ops/embedding.h"
#include "framework/ops/loss.h"
#include "framework/ops/map.h"
#include "framework/ops/matmul.h"
#include "framework/ops/normalization.h"
#include "framework/ops/pooling.h"
#include "framework/ops/reduction.h"
#include "framework/ops/shape.h"
#include "models/registry.h"
#include "tests/lab/export/exported.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/zoo.h"

namespace ebb {
namespace {

using test::Array;
using test::array_of;
using test::distance;
using test::evaluate_onnx;
using test::facts_of;
using test::fails_with;
using test::Function;
using test::rounding;
using test::some_images;
using test::standardised;

BOOST_AUTO_TEST_SUITE(onnx)

struct Small {
  const char* name;
  ModelOptions options;
};

BOOST_AUTO_TEST_CASE(networks_compute_what_ebb_does) {
  std::vector<Small> nets{{"lenet", {}}, {"mlp", {.hidden = {{9, 5}}}}, {"linear", {}}, {"mnistcnn", {}}};
  const Shape tiny{8, 8, 3};
  for (const Norm norm : {Norm::batch, Norm::layer, Norm::group, Norm::none}) {
    const NormOptions o{.kind = norm, .groups = 4};
    for (const Shortcut shortcut : {Shortcut::padding, Shortcut::projection})
      nets.push_back({"resnet-8", {.image = tiny, .norm = o, .shortcut = shortcut}});
    nets.push_back({"preresnet-8", {.image = tiny, .norm = o, .dropout = 0.5}});
    nets.push_back({"wrn-10-1", {.image = tiny, .norm = o}});
    nets.push_back({"resnet9", {.image = {32, 32, 3}, .norm = o, .width = 4}});
    nets.push_back({"mobilenetv2", {.image = tiny, .norm = o}});
    nets.push_back({"vit", {.image = tiny, .norm = o}});
  }
  for (Small& net : nets) {
    const auto model = test::with_statistics(make_model(net.name, net.options, Rng(3)), Rng(4));
    const std::string bytes = standardised(*model, net.options.image);
    for (const std::int64_t count : {1, 3})
      BOOST_TEST(distance(*model, bytes, some_images(net.options.image, count)) < rounding, net.name << ' ' << count);
  }
}

// A network is looked at, not changed, and the same bytes come of it each time.
BOOST_AUTO_TEST_CASE(a_network_is_as_it_was_after_an_export) {
  const auto model = test::zoo_model("resnet20");
  model->train();
  const State before = model->state();
  const std::string bytes = standardised(*model, {32, 32, 3});
  BOOST_TEST(model->training());
  for (const auto& [path, value] : model->state())
    BOOST_TEST(std::ranges::equal(value.bytes(), before.at(path).bytes()), path);
  BOOST_TEST((standardised(*model, {32, 32, 3}) == bytes));
  BOOST_TEST(!detail::op_observer);
  BOOST_TEST(!detail::call_observer);
}

BOOST_AUTO_TEST_CASE(pixels_are_standardised_by_the_graph) {
  const auto model = test::zoo_model("resnet20");
  const PixelStatistics statistics{{0.1, 0.5, 0.25}, {0.2, 0.3, 0.9}};
  const std::string bytes = onnx_model(*model, {32, 32, 3}, {.standardisation = statistics, .softmax = true});
  Tensor pixels({2, 32, 32, 3}, DType::u8);
  std::uint32_t i = 0;
  for (std::uint8_t& pixel : pixels.mutable_span<std::uint8_t>())
    pixel = static_cast<std::uint8_t>(Rng(5).below(256, i++));
  const auto got = evaluate_onnx(bytes, "pixels", array_of(pixels));
  const Array wanted = array_of((*model)(standardise(pixels, statistics)).value());
  double sum = 0;
  for (std::size_t k = 0; k < wanted.numbers.size(); ++k) {
    BOOST_TEST(std::abs(got.at("logits").numbers[k] - wanted.numbers[k]) < 1e-4);
    sum += got.at("probabilities").numbers[k];
  }
  BOOST_TEST(std::abs(sum - 2) < 1e-12);
  const auto facts = facts_of(bytes);
  BOOST_TEST(facts.ports.at("pixels") == (std::vector<std::string>{"N", "32", "32", "3"}),
             boost::test_tools::per_element());
  BOOST_TEST(facts.ports.at("logits") == (std::vector<std::string>{"N", "10"}), boost::test_tools::per_element());
  const auto fixed = facts_of(onnx_model(*model, {32, 32, 3}, {.input = OnnxInput::standardised, .batch = 7}));
  BOOST_TEST(fixed.ports.at("images") == (std::vector<std::string>{"7", "3", "32", "32"}),
             boost::test_tools::per_element());
  BOOST_TEST(fixed.ports.at("logits") == (std::vector<std::string>{"7", "10"}), boost::test_tools::per_element());
  BOOST_TEST(!fixed.ports.contains("probabilities"));
}

BOOST_AUTO_TEST_CASE(a_graph_says_what_it_is) {
  const auto model = test::zoo_model("lenet");
  const auto facts =
      facts_of(onnx_model(*model, {28, 28, 1}, {.metadata = {{"classes", "[\"a\"]"}, {"bad\xff", "\xc3"}}}));
  BOOST_TEST(facts.producer == "Ebb");
  BOOST_TEST(facts.ir_version == 8);
  BOOST_TEST(facts.operator_set == 17);
  BOOST_TEST(facts.metadata.at("classes") == "[\"a\"]");
  BOOST_TEST(facts.metadata.at("bad?") == "?");
}

// What transposes the parameters of a file from PyTorch has them as they were in the file.
BOOST_AUTO_TEST_CASE(initializers_have_the_names_and_the_order_of_pytorch) {
  const auto file =
      load_safetensors(std::filesystem::path(EBB_SOURCE_DIR) / "tests" / "golden" / "torch_lenet.safetensors");
  const auto model = make_model("lenet", {}, Rng(1));
  (*model)(Tensor::zeros({1, 28, 28, 1}));
  import_torch(*model, file.tensors, "file");
  const auto facts = facts_of(standardised(*model, {28, 28, 1}));
  BOOST_TEST(facts.initializers.size() == file.tensors.size());
  for (const auto& [name, numbers] : file.tensors) {
    BOOST_REQUIRE_MESSAGE(facts.initializers.contains(name), name);
    const Array wanted = array_of(cast(numbers, DType::f32));
    BOOST_TEST((facts.initializers.at(name).shape == wanted.shape), name);
    BOOST_TEST((facts.initializers.at(name).numbers == wanted.numbers), name);
  }
  const auto resnet = facts_of(standardised(*test::zoo_model("resnet20"), {32, 32, 3})).initializers;
  for (const char* const name : {"bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"})
    BOOST_TEST(resnet.contains(name), name);
}

// Networks of the library need nothing moved but the images.
BOOST_AUTO_TEST_CASE(networks_have_no_needless_transposes) {
  for (const char* const name : {"lenet", "mnistcnn", "resnet20", "vgg11bn", "speednet", "mobilenetv2", "wrn-16-4"}) {
    const auto ops = facts_of(standardised(*test::zoo_model(name), test::zoo_image(name))).ops;
    BOOST_TEST(std::ranges::count(ops, "Transpose") + std::ranges::count(ops, "Reshape") == 0, name);
  }
}

Var mish(const Var& x) {
  const auto softplus = [](auto v) { return std::max(v, decltype(v)(0)) + std::log1p(std::exp(-std::abs(v))); };
  Tensor y = map(x.value(), [=](auto v) { return v * std::tanh(softplus(v)); });
  return record("mish", {x}, y, [](const Tensor& dy, InputGrads& dx) { dx.add(0, dy); });
}

BOOST_AUTO_TEST_CASE(an_op_of_ones_own_is_named_and_exports_after_one_registration) {
  Sequential net{Rng(1)};
  net.add<Conv2d>("conv", {.in = 3, .out = 4});
  auto& block = net.add<Sequential>("block");
  block.add("act", std::make_unique<Function>([](Function&, const Var& x) { return mish(x); }));
  net.add<Flatten>();
  net.add<Linear>({.in = 36, .out = 2});
  const test::TemporaryDirectory directory;
  const auto file = directory.path() / "net.onnx";
  test::put_file(file, "before");
  BOOST_TEST(fails_with({"mish", "layer block.act", "OnnxOp{.op = \"mish\"", "Extensions::onnx"}, [&] {
    export_onnx(net, {5, 5, 3}, file);
  }));
  BOOST_TEST(test::file_bytes(file).size() == 6u);
  for (const OnnxLayout layout : {OnnxLayout::any, OnnxLayout::ebb, OnnxLayout::channels_first}) {
    const OnnxOp row{"mish", layout, [](OnnxCall& c) {
                       const std::string x = c.input(0);
                       return c.node("Mul", {x, c.node("Tanh", {c.node("Softplus", {x})})});
                     }};
    BOOST_TEST(distance(net, standardised(net, {5, 5, 3}, {.ops = {row}}), some_images({5, 5, 3}, 3)) < rounding);
  }
  const OnnxOp wrong{"mish", OnnxLayout::any, [](OnnxCall&) { return std::string("nothing"); }};
  BOOST_TEST(fails_with({"mish", "block.act", "node()"}, [&] { onnx_model(net, {5, 5, 3}, {.ops = {wrong}}); }));
  BOOST_TEST(fails_with({"without name or function"}, [&] { onnx_model(net, {5, 5, 3}, {.ops = {{.op = "mish"}}}); }));
}

// A row of one's own stands before the library's, and gets settings, constants and layouts.
BOOST_AUTO_TEST_CASE(rows_of_ones_own_see_settings_and_constants) {
  const Shape image{4, 4, 3};
  Function model([](Function& self, const Var& x) { return leaky_relu(linear(x, self.matrix, self.shift), 0.25); });
  const OnnxOp row{"leaky_relu", OnnxLayout::channels_first, [](OnnxCall& c) {
                     BOOST_TEST(c.inputs() == 1u);
                     BOOST_TEST(c.setting("slope") == 0.25);
                     BOOST_TEST(c.setting("nothing", 7) == 7);
                     const std::string slopes = c.constant(Tensor::full({4, 1, 1}, c.setting("slope")));
                     return c.node("Max", {c.input(0), c.node("Mul", {c.input(0), slopes})});
                   }};
  const auto facts = facts_of(standardised(model, image, {.ops = {row}}));
  BOOST_TEST(std::ranges::count(facts.ops, "Max") == 1);
  BOOST_TEST(std::ranges::count(facts.ops, "LeakyRelu") == 0);
}

BOOST_AUTO_TEST_CASE(what_no_graph_can_say_is_refused) {
  const Shape image{4, 4, 3};
  const auto refused = [&](std::initializer_list<std::string_view> parts, const Function::Forward& forward,
                           const OnnxOptions& options = {}) {
    Function model(forward);
    return fails_with(parts, [&] { onnx_model(model, image, options); });
  };
  BOOST_TEST(refused({"dropout", "no row"}, [](Function&, const Var& x) { return dropout(x, 0.5, Rng(1)); }));
  const auto some_labels = [](const Var& x) { return Tensor::zeros({x.dim(0)}, DType::i64); };
  BOOST_TEST(refused({"mse_loss", "a loss", "labels"}, [](Function&, const Var& x) { return mse_loss(x, x * 2); }));
  for (const Reduction reduction : {Reduction::mean, Reduction::none}) {
    BOOST_TEST(refused({"cross_entropy", "a loss"}, [&](Function&, const Var& x) {
      return softmax_cross_entropy(flatten(x), some_labels(x), {.reduction = reduction});
    }));
    BOOST_TEST(refused({"binary_cross_entropy", "a loss"}, [&](Function&, const Var& x) {
      return binary_cross_entropy_with_logits(x, Tensor::zeros(x.shape()), {.reduction = reduction});
    }));
  }
  BOOST_TEST(refused({"where", "condition that differs"},
                     [](Function&, const Var& x) {
                       Tensor bright(x.shape(), DType::u8);
                       for (std::int64_t i = 0; i < bright.size(); ++i)
                         bright.mutable_data<std::uint8_t>()[i] = x.value().data<float>()[i] > 0 ? 1 : 0;
                       return where(bright, x, Tensor::scalar(0.5));
                     },
                     {.batch = 2}));
  BOOST_TEST(refused({"differs between images"},
                     [](Function& self, const Var& x) {
                       Tensor darkest({x.dim(0)}, DType::i64);
                       for (std::int64_t i = 0; i < x.dim(0); ++i)
                         darkest.mutable_data<std::int64_t>()[i] = x.value().data<float>()[48 * i] > 0 ? 1 : 0;
                       return mean(x, {1, 2}) * slice(embedding(self.matrix, darkest), 1, 0, 3);
                     },
                     {.batch = 8}));
  // Whatever the number of images, also one alone: rows by what an image shows are no constant.
  for (const std::int64_t batch : {0, 1, 2})
    for (const double level : {0.0, 0.5, 2.0, -2.0})
      BOOST_TEST(refused({"op \"", "differs between images"},
                         [&](Function& self, const Var& x) {
                           Tensor bright({x.dim(0)}, DType::i64);
                           for (std::int64_t i = 0; i < x.dim(0); ++i) {
                             double sum = 0;
                             for (std::int64_t p = 0; p < 48; ++p) sum += x.value().data<float>()[48 * i + p];
                             bright.mutable_data<std::int64_t>()[i] = sum / 48 > level ? 1 : 0;
                           }
                           return mean(x, {1, 2}) * slice(embedding(self.matrix, bright), 1, 0, 3);
                         },
                         {.batch = batch}),
                 batch << ' ' << level);
  BOOST_TEST(refused({"does not depend on the images"}, [](Function&, const Var& x) { return x.detach() * 2; }));
  BOOST_TEST(refused({"mul", "differs between images"}, [](Function&, const Var& x) { return x * x.detach(); }));
  BOOST_TEST(
      refused({"mul", "differs between images"}, [](Function&, const Var& x) { return x * x.detach(); }, {.batch = 2}));
  BOOST_TEST(refused({"add", "differs between images", "--batch 1"}, [](Function&, const Var& x) {
    return x + Tensor::full({x.dim(0), 1, 1, 1}, 1);
  }));
  BOOST_TEST(refused({"ops for some images"},
                     [](Function&, const Var& x) { return x.dim(0) == 3 ? relu(x) : relu(relu(x)); }));
  BOOST_TEST(refused({"another step"}, [](Function&, const Var& x) { return x.dim(0) == 3 ? relu(x) : abs(x); }));
  BOOST_TEST(refused({"avg_pool2d", "gaps"}, [](Function&, const Var& x) {
    return avg_pool2d(x, {.dilation = {2, 2}});
  }));
  BOOST_TEST(refused({"batch_norm", "statistics of its batch"}, [](Function& self, const Var& x) {
    BatchNormState state{self.mean.value(), self.variance.value(), {}, {}};
    return batch_norm(linear(x, self.matrix, {}), self.scale, self.shift, state, {});
  }));
  const auto fine = [](Function&, const Var& x) { return relu(x); };
  BOOST_TEST(refused({"batch -1"}, fine, {.batch = -1}));
  BOOST_TEST(refused({"2 numbers"}, fine, {.standardisation = {{1, 2}, {1, 2}}}));
  Function model(fine);
  BOOST_TEST(fails_with({"height"}, [&] { onnx_model(model, {4, 4}); }));
  model.to(DType::f64);
  BOOST_TEST(fails_with({"filter", "f64", "to(DType::f32)"}, [&] { onnx_model(model, image); }));
  // Rows that are looked up for all images alike, as of positions, are constants.
  Function positions([](Function& self, const Var& x) {
    return linear(x, self.matrix, {}) + embedding(self.matrix, Tensor::from<std::int64_t>({2, 0, 1, 1}, {4}));
  });
  BOOST_TEST(distance(positions, standardised(positions, image), some_images(image, 3)) < rounding);
  // With a number of images that is fixed, what depends on it alone is a constant.
  Function of_size([](Function&, const Var& x) { return x + Tensor::full({x.dim(0), 1, 1, 1}, 1); });
  BOOST_TEST(distance(of_size, standardised(of_size, image, {.batch = 2}), some_images(image, 2)) < rounding);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
