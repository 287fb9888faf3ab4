// ONNX graphs compute what the network computes, whatever it is made of, and say what they are.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <set>

#include "framework/compute/basic.h"
#include "framework/io/safetensors.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/dropout.h"
#include "framework/nn/flatten.h"
#include "framework/nn/import_torch.h"
#include "framework/nn/linear.h"
#include "framework/nn/sequential.h"
#include "framework/ops/activation.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/convolution.h"
#include "framework/ops/dropout.h"
#include "framework/ops/loss.h"
#include "framework/ops/map.h"
#include "framework/ops/matmul.h"
#include "framework/ops/normalization.h"
#include "framework/ops/pooling.h"
#include "framework/ops/reduction.h"
#include "framework/ops/shape.h"
#include "lab/export/export_onnx.h"
#include "lab/export/onnx_step.h"
#include "lab/export/recorded_pass.h"
#include "lab/runs/version.h"
#include "models/registry.h"
#include "tests/lab/export/onnx_evaluator.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/zoo.h"

namespace ebb {
namespace {

using test::Array;
using test::array_of;
using test::evaluate_onnx;
using test::facts_of;
using test::fails_with;

constexpr double rounding = 1e-5;  // of the largest number

// A layer that is a function, with a parameter or two.
class Function : public Layer {
 public:
  using Forward = std::function<Var(Function& self, const Var& x)>;
  explicit Function(Forward forward) : forward_(std::move(forward)) {}
  Var forward(const Var& x) override { return forward_(*this, x); }

  Parameter filter{*this, "filter", Role::weight, random({3, 2, 3, 4}, 1)};
  Parameter matrix{*this, "matrix", Role::weight, random({3, 4}, 2)};
  Parameter scale{*this, "scale", Role::norm_scale, random({4}, 3)};
  Parameter shift{*this, "shift", Role::norm_shift, random({4}, 4)};
  Buffer mean{*this, "mean", random({4}, 5)};
  Buffer variance{*this, "variance", Tensor::full({4}, 0.5)};

  static Tensor random(const Shape& shape, std::uint64_t seed) {
    Tensor out(shape);
    fill_normal(out, Rng(seed), 0, 1);
    return out;
  }

 private:
  Forward forward_;
};

Tensor some_images(const Shape& image, std::int64_t count) {
  Tensor x(image.insert(0, count));
  fill_normal(x, Rng(77), 0, 1);
  return x;
}

Array channels_first(const Tensor& images) { return array_of(detail::channels_first(images)); }

// The largest difference between the graph's logits and the model's, over the largest logit; infinite for other sizes.
double distance(Layer& model, const std::string& bytes, const Tensor& images) {
  const Array got = evaluate_onnx(bytes, "images", channels_first(images)).at("logits");
  model.eval();
  const Array wanted = array_of(model(images).value());
  if (got.shape != wanted.shape) return std::numeric_limits<double>::infinity();
  double most = 0, largest = 0;
  for (std::size_t i = 0; i < got.numbers.size(); ++i) {
    largest = std::max(largest, std::abs(wanted.numbers[i]));
    const double off = std::abs(got.numbers[i] - wanted.numbers[i]);
    most = std::isnan(off) ? off : std::max(most, off);
  }
  return most / largest;
}

std::string standardised(Layer& model, const Shape& image, OnnxOptions options = {}) {
  options.input = OnnxInput::standardised;
  return onnx_model(model, image, options);
}

// A place for every op that the library exports: what runs on images [n, 5, 7, 3].
struct Case {
  const char* what;
  Function::Forward forward;
};

#define CASE(expression)                                                                 \
  Case {                                                                                 \
#expression, [](Function & self, const Var& x) -> Var { (void)self; return expression; } \
  }

const std::vector<Case>& cases() {
  static const auto filtered = [](Function& self, const Var& x) {
    return conv2d(x, self.filter, {}, {.padding = {1, 1}});
  };
  static const auto normed = [](Function& self, const Var& x, Activation activation) {
    BatchNormState state{self.mean.value(), self.variance.value(), {}, {}};
    return batch_norm(x, self.scale, self.shift, state, {.training = false, .eps = 0.1, .activation = activation});
  };
  static const std::vector<Case> all{
      // Elementwise.
      CASE(abs(x)),
      CASE(exp(x)),
      CASE(log(abs(x) + 1)),
      CASE(sqrt(square(x) + 1)),
      CASE(pow(abs(x) + 0.5, 1.5)),
      CASE(relu(x)),
      CASE(relu6(x * 4)),
      CASE(leaky_relu(x, 0.3)),
      CASE(elu(x, 0.4)),
      CASE(gelu(x)),
      CASE(gelu(x, Gelu::tanh)),
      CASE(silu(x)),
      CASE(softplus(x)),
      CASE(sigmoid(x)),
      CASE(tanh(x)),
      CASE(clamp(x, -0.5, 0.25)),
      CASE(add_relu(x, x * 0.5)),
      CASE(2 - x),
      CASE(1 / (square(x) + 1)),
      CASE(x / 9),
      // Values that lie otherwise meet.
      CASE(x * mean(x, {1, 2}, keep_dims)),
      CASE(x * reshape(mean(x, {1, 2}), {x.dim(0), 1, 1, 3})),
      CASE(x - mean(x, {3}, keep_dims)),
      CASE(x + Function::random({7, 3}, 6)),
      CASE(x + Function::random({3}, 6)),
      CASE(x * Function::random({5, 1, 1}, 6)),
      CASE(linear(x, self.matrix, {}) * linear(x, self.matrix, self.shift)),
      CASE(x + transpose(transpose(x, {0, 3, 1, 2}), {0, 2, 3, 1})),
      CASE(flatten(x) * 2 + Function::random({105}, 6)),
      CASE(flatten(x) + reshape(x, {x.dim(0), 105})),
      CASE(softmax(flatten(x))),
      CASE(slice(flatten(x), 1, 3, 50, 4)),
      CASE(reshape(flatten(x), {x.dim(0), 5, 21})),
      CASE(layer_norm(flatten(x), {}, {}, 0.1)),
      CASE(sigmoid(x) * mean(flatten(x))),
      // Linear maps.
      CASE(conv2d(x, self.filter, self.shift, {.stride = {2, 1}, .padding = {1, 2}, .dilation = {1, 2}})),
      CASE(conv2d(x, self.filter, {}, {.stride = {2, 2}, .same_padding = true})),
      CASE(conv2d(x, self.filter, {}, {}, {.activation = Activation::relu})),
      CASE(conv2d(filtered(self, x), Function::random({2, 2, 1, 8}, 8), {}, {.groups = 4})),
      CASE(conv_transpose2d(x, Function::random({3, 2, 3, 5}, 8), Function::random({5}, 9),
                            {.stride = {2, 3}, .padding = {1, 0}, .output_padding = {1, 2}})),
      CASE(linear(x, self.matrix, self.shift)),
      CASE(linear(mean(x, {1, 2}), self.matrix, {})),
      CASE(linear(flatten(x), Function::random({105, 6}, 9), Function::random({6}, 8))),
      CASE(matmul(x, self.matrix)),
      CASE(matmul(transpose(reshape(x, {x.dim(0), 35, 3})), reshape(x, {x.dim(0), 35, 3}))),
      // Norms.
      CASE(normed(self, filtered(self, x), Activation::none)),
      CASE(normed(self, filtered(self, x), Activation::relu)),
      CASE(normed(self, linear(mean(x, {1, 2}), self.matrix, {}), Activation::none)),
      CASE(normed(self, reshape(filtered(self, x), {x.dim(0), -1, 4}), Activation::none)),
      CASE(layer_norm(filtered(self, x), self.scale, self.shift, 0.2)),
      CASE(group_norm(filtered(self, x), self.scale, self.shift, 2, 0.2)),
      CASE(group_norm(x, {}, {}, 3, 0.2)),
      CASE(group_norm(linear(mean(x, {1, 2}), self.matrix, {}), self.scale, self.shift, 2, 0.2)),
      // Pooling.
      CASE(max_pool2d(x)),
      CASE(max_pool2d(x, {.kernel = {3, 2}, .stride = {2, 1}, .padding = {1, 1}, .dilation = {1, 2}})),
      CASE(max_pool2d(x, {.kernel = {2, 2}, .ceil_mode = true})),
      CASE(max_pool2d(x, {.kernel = {3, 3}, .same_padding = true})),
      CASE(avg_pool2d(x)),
      CASE(avg_pool2d(x, {.kernel = {3, 3}, .stride = {1, 2}, .padding = {1, 1}})),
      CASE(avg_pool2d(x, {.kernel = {3, 3}, .padding = {1, 1}, .count_padding = false})),
      CASE(avg_pool2d(x, {.kernel = {2, 2}, .ceil_mode = true})),
      CASE(avg_pool2d(x, {.kernel = {3, 3}, .stride = {3, 3}, .padding = {1, 1}, .ceil_mode = true})),
      CASE(global_avg_pool2d(x)),
      CASE(adaptive_avg_pool2d(x, {1, 1})),
      CASE(adaptive_avg_pool2d(x, {2, 3})),
      CASE(adaptive_max_pool2d(x, {3, 4})),
      CASE(adaptive_avg_pool2d(x, {5, 7})),
      // Layout.
      CASE(slice(slice(x, 1, 0, 5, 2), 2, 1, 6, 3)),
      CASE(slice(x, 3, 1, 3)),
      CASE(slice(x, 0, 0, x.dim(0))),
      CASE(pad(x, {{0, 0}, {1, 2}, {0, 3}, {2, 1}}, 0.5)),
      CASE(concat({x, x * 2, relu(x)}, 3)),
      CASE(concat({x, x}, 1)),
      CASE(transpose(x, {0, 3, 1, 2})),
      CASE(transpose(x)),
      CASE(reshape(x, {x.dim(0), 7, 15})),
      CASE(reshape(x, {x.dim(0) * 5, 21})),
      CASE(reshape(x, {-1})),
      CASE(flatten(x)),
      CASE(flatten(x, 2)),
      // Reductions.
      CASE(sum(x, {3})),
      CASE(sum(x, {1, 2})),
      CASE(mean(x, {1})),
      CASE(mean(x, {1, 3}, keep_dims)),
      CASE(mean(x, {0})),
      CASE(max(x, {2, 3})),
      CASE(max(x, {2})),
      CASE(logsumexp(x, {1, 2, 3})),
      CASE(sum(x) * 1),
      CASE(softmax(x, 3)),
      CASE(softmax(x, 1)),
      CASE(log_softmax(x, -2)),
      CASE(log_softmax(mean(x, {1, 2}))),
  };
  return all;
}

BOOST_AUTO_TEST_SUITE(onnx)

BOOST_AUTO_TEST_CASE(every_op_of_the_table_computes_what_ebb_does) {
  const Shape image{5, 7, 3};
  std::set<std::string> seen;
  for (const Case& c : cases()) {
    Function model(c.forward);
    const std::string bytes = standardised(model, image);
    // Results of one number for all images have no batch to be of another size.
    for (const std::int64_t count : {1, 2, 5})
      BOOST_TEST(distance(model, bytes, some_images(image, count)) < rounding, c.what << " of " << count);
    BOOST_TEST(distance(model, standardised(model, image, {.batch = 4}), some_images(image, 4)) < rounding, c.what);
    for (const detail::RecordedOp& op : detail::recorded_pass(model, image, 0).ops) seen.insert(op.op);
  }
  std::vector<std::string> rows;
  for (const OnnxOp& op : detail::onnx_elementwise_ops()) rows.push_back(op.op);
  for (const auto& family : {detail::onnx_image_rows(), detail::onnx_shape_rows()})
    for (const detail::OnnxRow& row : family) rows.emplace_back(row.op);
  for (const std::string& row : rows) BOOST_TEST(seen.contains(row), "no case has " << row);
}

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
  BOOST_TEST(refused({"mse_loss", "no row"}, [](Function&, const Var& x) { return mse_loss(x, x * 2); }));
  BOOST_TEST(refused({"does not depend on the images"}, [](Function&, const Var& x) { return x.detach() * 2; }));
  BOOST_TEST(refused({"mul", "differs between images"}, [](Function&, const Var& x) { return x * x.detach(); }));
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
  // With a number of images that is fixed, what depends on it alone is a constant.
  Function of_size([](Function&, const Var& x) { return x + Tensor::full({x.dim(0), 1, 1, 1}, 1); });
  BOOST_TEST(distance(of_size, standardised(of_size, image, {.batch = 2}), some_images(image, 2)) < rounding);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
