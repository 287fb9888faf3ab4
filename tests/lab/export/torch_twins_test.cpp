// Exports judged by PyTorch itself. Skipped where it is not installed; EBB_TORCH_PYTHON names a Python that has it.
#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "framework/compute/basic.h"
#include "framework/io/safetensors.h"
#include "framework/nn/export_torch.h"
#include "framework/ops/loss.h"
#include "models/registry.h"
#include "optim/sgd.h"
#include "tests/lab/program.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/zoo.h"

namespace ebb {
namespace {

// All but dropout, whose masks are each library's own.
void training_mode(Module& model) {
  model.train();
  for (const NamedModule& named : model.named_modules())
    if (named.module->type() == "Dropout") named.module->eval();
}

Tensor images_of(const Shape& image, std::int64_t count, std::uint64_t seed) {
  Tensor out(image.insert(0, count), DType::f64);
  fill_normal(out, Rng(seed), 0, 1);
  return out;
}

// A network in f64 after some steps on noise, and what it says of images in both modes.
void write(const std::string& file, const std::string& name, const ModelOptions& given,
           const std::filesystem::path& directory) {
  ModelOptions options = given;
  options.image = test::zoo_image(name);
  const auto model = make_model(name, options, Rng(1));
  model->to(DType::f64);
  Sgd optimizer(*model, {.lr = 1e-3, .momentum = 0.9});
  const Tensor labels = Tensor::from<std::int64_t>({0, 3, 5, 9}, {4});
  training_mode(*model);
  for (std::uint64_t step = 0; step < 3; ++step) {
    Tape tape;
    tape.backward(softmax_cross_entropy((*model)(images_of(options.image, 4, step)), labels));
    optimizer.step();
    optimizer.zero_grad();
  }
  export_torch(*model, directory / (file + ".safetensors"));
  const Tensor images = images_of(options.image, 6, 77);
  model->eval();
  const Tensor eval = (*model)(images).value();
  training_mode(*model);
  save_safetensors(directory / (file + ".expected.safetensors"),
                   {{"images", images}, {"eval", eval}, {"train", (*model)(images).value()}});
}

BOOST_AUTO_TEST_SUITE(torch_twins_slow)

BOOST_AUTO_TEST_CASE(twins_take_the_files_strictly_and_give_the_same_logits) {
  const test::TemporaryDirectory directory;
  for (const std::string name : {"lenet", "mnistcnn", "vgg11bn", "wrn-16-4", "speednet"})
    write(name, name, {}, directory.path());
  write("resnet20-padding", "resnet20", {.shortcut = Shortcut::padding}, directory.path());
  write("resnet20-projection", "resnet20", {.shortcut = Shortcut::projection}, directory.path());
  const char* const python = std::getenv("EBB_TORCH_PYTHON");
  const test::Finished done = test::shell(text(python != nullptr ? python : "python3", " -B ", EBB_SOURCE_DIR,
                                               "/tests/golden/torch_check.py ", directory.path().string()));
  BOOST_TEST_MESSAGE(done.output);
  BOOST_TEST((done.status == 0 || done.status == 77), done.output);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
