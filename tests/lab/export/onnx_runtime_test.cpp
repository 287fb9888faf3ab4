// Graphs of all networks of the registry, judged by other people's programs: onnx, ONNX Runtime and OpenCV. Skipped
// where these are not installed; EBB_ONNX_PYTHON names the Python that has them.
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <set>

#include "data/mnist.h"
#include "framework/compute/basic.h"
#include "framework/io/safetensors.h"
#include "framework/ops/loss.h"
#include "framework/ops/shape.h"
#include "lab/export/export_onnx.h"
#include "lab/export/onnx_graph.h"
#include "lab/use/predictor.h"
#include "models/registry.h"
#include "optim/sgd.h"
#include "tests/lab/program.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/zoo.h"

namespace ebb {
namespace {

std::string script() {
  const char* const python = std::getenv("EBB_ONNX_PYTHON");
  return text(python != nullptr ? python : "python3", ' ', EBB_SOURCE_DIR, "/tests/golden/onnx_check.py ");
}

// True when the script found nothing wrong with the files, or could not look.
bool judged(const std::filesystem::path& directory, const std::string& options = {}) {
  const test::Finished done = test::shell(script() + directory.string() + ' ' + options);
  BOOST_TEST_MESSAGE(done.output);
  if (done.status != 0 && done.status != 77) BOOST_TEST_MESSAGE("status " << done.status);
  return done.status == 0 || done.status == 77;
}

// Steps of a training on noise, after which running statistics are those of no fresh norm.
void train(Layer& model, const Shape& image, std::int64_t batch, int steps) {
  Sgd optimizer(model, {.lr = 1e-3, .momentum = 0.9});
  Tensor labels({batch}, DType::i64);
  for (std::int64_t i = 0; i < batch; ++i) labels.mutable_data<std::int64_t>()[i] = i % 10;
  model.train();
  for (int step = 0; step < steps; ++step) {
    Tensor images(image.insert(0, batch));
    fill_normal(images, Rng(9).at(static_cast<std::uint64_t>(step)), 0.3, 1.5);
    Tape tape;
    tape.backward(softmax_cross_entropy(model(images), labels));
    optimizer.step();
    optimizer.zero_grad();
  }
  model.eval();
}

// The graph, and what the model says of some images as the graph takes them, and of the first of them in f64, which
// takes longer. Leaves it in f64.
void write(Layer& model, const Shape& image, std::int64_t count, const std::filesystem::path& name) {
  Tensor images(image.insert(0, count));
  fill_normal(images, Rng(4), 0, 1);
  export_onnx(model, image, name.string() + ".onnx", {.input = OnnxInput::standardised, .softmax = true});
  const Tensor logits = model(images).value();
  model.to(DType::f64);
  const Tensor first = cast(slice(images, 0, 0, std::min<std::int64_t>(count, 16)).value(), DType::f64);
  save_safetensors(name.string() + ".safetensors",
                   {{"images", detail::channels_first(images)}, {"logits", logits}, {"exact", model(first).value()}});
}

// The model with these options; null where it does not have them.
std::unique_ptr<Layer> with(const std::string& name, ModelOptions options) {
  options.image = test::zoo_image(name);
  try {
    return make_model(name, options, Rng(1));
  } catch (const Error&) {
    return nullptr;
  }
}

// Networks that take minutes; each has a smaller one of its kind.
bool deep(const std::string& name) {
  static const std::set<std::string> names{
      "preresnet32", "preresnet44", "preresnet56", "preresnet110", "resnet32", "resnet34",  "resnet44", "resnet56",
      "resnet110",   "vgg13bn",     "vgg16bn",     "wrn-16-8",     "wrn-22-8", "wrn-28-10", "wrn-40-2", "wrn-40-4"};
  return names.contains(name);
}

// Judges the network with each norm and shortcut, as far as it has these options. \returns the number of graphs.
int judge_all(const std::string& name, std::int64_t images) {
  const bool norms = with(name, {.norm = NormOptions{}}) != nullptr;
  const bool shortcuts = with(name, {.shortcut = Shortcut::padding}) != nullptr;
  const test::TemporaryDirectory directory;
  int graphs = 0;
  for (const Norm norm : {Norm::batch, Norm::layer, Norm::group, Norm::none})
    for (const Shortcut shortcut : {Shortcut::padding, Shortcut::projection}) {
      if ((!norms && norm != Norm::batch) || (!shortcuts && shortcut != Shortcut::padding)) continue;
      ModelOptions options;
      if (norms) options.norm = NormOptions{.kind = norm};
      if (shortcuts) options.shortcut = shortcut;
      const auto model = with(name, options);
      BOOST_REQUIRE(model != nullptr);
      train(*model, test::zoo_image(name), 4, 20);
      write(*model, test::zoo_image(name), images, directory / text(name, '-', ++graphs));
    }
  BOOST_TEST(judged(directory.path()), name);
  return graphs;
}

BOOST_AUTO_TEST_SUITE(onnx_runtime_slow)

BOOST_AUTO_TEST_CASE(networks_with_all_norms_and_shortcuts) {
  int graphs = 0;
  for (const std::string& name : model_names())
    if (!deep(name)) graphs += judge_all(name, 256);
  BOOST_TEST(graphs >= 40);
}

BOOST_AUTO_TEST_CASE(deep_networks_with_all_norms_and_shortcuts) {
  int graphs = 0;
  for (const std::string& name : model_names())
    if (deep(name)) graphs += judge_all(name, 37);
  BOOST_TEST(graphs >= 40);
}

BOOST_AUTO_TEST_CASE(opencv_finds_the_same_classes) {
  const test::TemporaryDirectory directory;
  for (const std::string name : {"lenet", "vgg11bn", "resnet20"}) {
    const auto model = with(name, {});
    train(*model, test::zoo_image(name), 4, 20);
    write(*model, test::zoo_image(name), 20, directory / name);
  }
  BOOST_TEST(judged(directory.path(), "--opencv"));
}

// From a run to another program: all test pictures have the class that the network gives them.
BOOST_AUTO_TEST_CASE(pixels_of_a_test_set_have_the_classes_of_the_network) {
  const auto data = test::shared_data("mnist");
  if (data.empty()) return;
  const test::TemporaryDirectory directory;
  for (const std::string name : {"lenet", "resnet20"}) {
    const auto run = directory / ("run-" + name), file = directory / (name + ".onnx");
    const test::Finished trained =
        test::ebb("train mnist --data " + data.string() + " --epochs 1 --model " + name + " --out " + run.string() +
                  (name == "lenet" ? "" : " --set train_samples=4000"));
    BOOST_REQUIRE_MESSAGE(trained.status == 0, trained.output);
    BOOST_REQUIRE(test::ebb("export " + run.string() + " --onnx " + file.string()).status == 0);
    const Mnist pictures(data, Split::test);
    Predictor predictor(run);
    save_safetensors(directory / (name + ".safetensors"),
                     {{"images", pictures.pixels()}, {"logits", predictor.logits(pictures.pixels())}});
  }
  BOOST_TEST(judged(directory.path()));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
