// `ebb export`: the commands of docs/using.md, what they write, and what they refuse.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>
#include <sstream>

#include "data/mnist.h"
#include "framework/io/safetensors.h"
#include "framework/nn/state.h"
#include "lab/format/png.h"
#include "tests/lab/export/onnx_evaluator.h"
#include "tests/lab/program.h"
#include "tests/support/temporary_directory.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;
using test::Finished;
using test::has;

// A run of a second.
struct Trained {
  Trained() {
    fs::create_directory(data.root / "runs");
    const Finished run = test::ebb(data.train("runs/mnist", "--epochs 1 --model mlp --set hidden=16"));
    BOOST_REQUIRE_MESSAGE(run.status == 0, run.output);
    fs::copy(data.root / "runs/mnist", data.root / "runs/other", fs::copy_options::recursive);
  }
  // The program in the directory where `runs` is.
  Finished ebb(const std::string& arguments) const {
    return test::shell("cd " + data.root.string() + " && " + test::program() + arguments);
  }
  std::string file(const std::string& name) const { return test::read(data.root / name); }
  test::SmallData data;
};

const Trained& trained() {
  static const Trained once;
  return once;
}

BOOST_AUTO_TEST_SUITE(export_command)

BOOST_AUTO_TEST_CASE(commands_of_the_page_work) {
  std::istringstream page(test::read(fs::path(EBB_SOURCE_DIR) / "docs" / "using.md"));
  int commands = 0;
  for (std::string line; std::getline(page, line);) {
    // Others go on with a folder: folders_in_use.
    if (!line.starts_with("ebb export runs/mnist") && !line.starts_with("ebb import --torch lenet") &&
        !line.starts_with("ebb import --npz"))
      continue;
    const Finished done = trained().ebb(line.substr(4) + " --overwrite");
    BOOST_TEST(done.status == 0, line << ": " << done.output);
    ++commands;
  }
  BOOST_TEST(commands >= 10);
  const auto facts = test::facts_of(trained().file("mnist.onnx"));
  BOOST_TEST(facts.metadata.at("model") == "mlp");
  BOOST_TEST(facts.metadata.at("model_options") == "{\"hidden\":\"16\"}");
  BOOST_TEST(has(facts.metadata.at("classes"), "\"9\""));
  BOOST_TEST(facts.metadata.contains("pixel_mean"));
  BOOST_TEST(facts.ports.at("pixels").front() == "N");
  BOOST_TEST(test::facts_of(trained().file("browser.onnx")).ports.at("probabilities").front() == "1");
  BOOST_TEST(test::facts_of(trained().file("opencv.onnx")).ports.at("images").at(1) == "1");
}

// From the pixels of a file to the same probabilities.
BOOST_AUTO_TEST_CASE(graphs_say_what_predict_says) {
  BOOST_REQUIRE(trained().ebb("export runs/mnist --onnx said.onnx --softmax").status == 0);
  const Mnist pictures(trained().data.root / "data", Split::test);
  for (const std::int64_t i : {0, 7}) {
    Tensor picture({28, 28, 1}, DType::u8);
    std::ranges::copy_n(pictures.pixels().data<std::uint8_t>() + 784 * i, 784, picture.mutable_data<std::uint8_t>());
    test::put_file(trained().data.root / "one.png", png(picture));
    const Finished said = trained().ebb("predict runs/mnist one.png --json --probabilities");
    BOOST_REQUIRE_MESSAGE(said.status == 0, said.output);
    const nlohmann::json wanted = nlohmann::json::parse(said.output.substr(said.output.find('{')));
    const auto got =
        test::evaluate_onnx(trained().file("said.onnx"), "pixels", test::array_of(picture.reshape({1, 28, 28, 1})));
    for (std::size_t c = 0; c < 10; ++c) {
      BOOST_TEST(std::abs(got.at("logits").numbers[c] - wanted["logits"][c].get<double>()) < 1e-5);
      BOOST_TEST(std::abs(got.at("probabilities").numbers[c] - wanted["probabilities"][c].get<double>()) < 1e-5);
    }
  }
}

// The first layer of the run's network sees pixels in the order of its rows, which PyTorch's flatten keeps for grey.
BOOST_AUTO_TEST_CASE(numbers_for_pytorch_are_those_of_the_run) {
  BOOST_REQUIRE(trained().ebb("export runs/mnist --torch torch.safetensors").status == 0);
  const State ours = load_safetensors(trained().data.root / "runs/mnist/model.safetensors").tensors;
  const State theirs = load_safetensors(trained().data.root / "torch.safetensors").tensors;
  BOOST_REQUIRE(ours.size() == theirs.size());
  for (const auto& [name, value] : ours) {
    BOOST_REQUIRE_MESSAGE(theirs.contains(name), name);
    const Tensor& other = theirs.at(name);
    for (std::int64_t i = 0; i < value.dim(0); ++i)
      if (value.rank() == 1) BOOST_TEST(value.at({i}) == other.at({i}), name);
      else BOOST_TEST(value.at({i, 3}) == other.at({3, i}), name);
  }
}

BOOST_AUTO_TEST_CASE(files_are_replaced_on_request_alone) {
  const fs::path there = trained().data.root / "there.onnx";
  test::put_file(there, "precious");
  const Finished refused = trained().ebb("export runs/mnist --onnx there.onnx");
  BOOST_TEST(refused.status == 1);
  BOOST_TEST(has(refused.output, "--overwrite"), refused.output);
  BOOST_TEST(test::read(there) == "precious");
  BOOST_TEST(trained().ebb("export runs/mnist --onnx there.onnx --overwrite").status == 0);
  BOOST_TEST(test::facts_of(test::read(there)).producer == "Ebb");
  const Finished itself = trained().ebb("export runs/mnist --onnx runs/mnist/model.safetensors --overwrite");
  BOOST_TEST(itself.status == 1);
  BOOST_TEST(has(itself.output, "the file that is read"), itself.output);
  BOOST_TEST(trained().ebb("summary runs/mnist").status == 0);
}

BOOST_AUTO_TEST_CASE(what_is_not_understood_is_said) {
  for (const auto& [arguments, part] :
       {std::pair{"export runs/mnist --onnx x.onnx --input pictures", "pixels or standardised"},
        {"export runs/mnist --onnx x.onnx --batch 0", "--batch"},
        {"export runs/mnist", "--onnx"},
        {"export runs --onnx x.onnx", "model.safetensors"},
        {"export runs/mnist --onnx runs", "a directory"},
        {"export runs/mnist --onnx nowhere/x.onnx", "nowhere"}}) {
    const Finished done = trained().ebb(arguments);
    BOOST_TEST(done.status != 0, arguments);
    BOOST_TEST(has(done.output, part), done.output);
  }
  BOOST_TEST(!fs::exists(trained().data.root / "x.onnx"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
