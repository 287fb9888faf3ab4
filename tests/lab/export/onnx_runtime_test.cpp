// Graphs of all networks of the registry, judged by other people's programs: onnx, ONNX Runtime and OpenCV. Skipped
// where these are not installed; EBB_ONNX_PYTHON names the Python that has them.
#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "data/mnist.h"
#include "framework/compute/basic.h"
#include "framework/io/safetensors.h"
#include "framework/ops/loss.h"
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

// The graph, and what the model says of some images as the graph takes them.
void write(Layer& model, const Shape& image, std::int64_t count, const std::filesystem::path& name) {
  Tensor images(image.insert(0, count));
  fill_normal(images, Rng(4), 0, 1);
  export_onnx(model, image, name.string() + ".onnx", {.input = OnnxInput::standardised, .softmax = true});
  save_safetensors(name.string() + ".safetensors",
                   {{"images", detail::channels_first(images)}, {"logits", model(images).value()}});
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

BOOST_AUTO_TEST_SUITE(onnx_runtime_slow)

BOOST_AUTO_TEST_CASE(all_networks_with_all_norms_and_shortcuts) {
  int graphs = 0;
  for (const std::string& name : model_names()) {
    const test::TemporaryDirectory directory;
    for (const std::optional<Norm> norm :
         {std::optional<Norm>(), std::optional(Norm::batch), std::optional(Norm::layer), std::optional(Norm::group),
          std::optional(Norm::none)})
      for (const std::optional<Shortcut> shortcut :
           {std::optional<Shortcut>(), std::optional(Shortcut::padding), std::optional(Shortcut::projection)}) {
        ModelOptions options;
        if (norm) options.norm = NormOptions{.kind = *norm};
        options.shortcut = shortcut;
        // What has these options is exported with each value of them, the rest once.
        const bool norms = with(name, {.norm = NormOptions{}}) != nullptr;
        const bool shortcuts = with(name, {.shortcut = Shortcut::padding}) != nullptr;
        if (norms != norm.has_value() || shortcuts != shortcut.has_value()) continue;
        const auto model = with(name, options);
        BOOST_REQUIRE(model != nullptr);
        const bool large = model->parameter_count() > 2'000'000;
        train(*model, test::zoo_image(name), large ? 2 : 4, 20);
        write(*model, test::zoo_image(name), large ? 37 : 256, directory / text("graph", ++graphs, '-', name));
      }
    BOOST_TEST(judged(directory.path()), name);
  }
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
        test::ebb("train mnist --data " + data.string() + " --epochs 1 --model " + name + " --out " + run.string());
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
