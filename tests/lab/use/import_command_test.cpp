// `ebb export` to PyTorch and NumPy, and `ebb import` from there: the same network again, to the last bit.
#include <boost/test/unit_test.hpp>

#include "data/mnist.h"
#include "data/npz.h"
#include "data/pixel_statistics.h"
#include "framework/compute/basic.h"
#include "framework/io/safetensors.h"
#include "lab/format/png.h"
#include "lab/use/predictor.h"
#include "tests/lab/program.h"
#include "tests/support/temporary_directory.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;
using test::Finished;
using test::has;

// A network whose first linear layer sees flattened maps of several channels, which PyTorch flattens otherwise.
struct Trained {
  Trained() {
    const Finished run = test::ebb(data.train("net", "--epochs 1 --model lenet"));
    BOOST_REQUIRE_MESSAGE(run.status == 0, run.output);
    Tensor picture({28, 28, 1}, DType::u8);
    std::ranges::copy_n(Mnist(data.root / "data", Split::test).pixels().data<std::uint8_t>(), 784,
                        picture.mutable_data<std::uint8_t>());
    test::put_file(data.root / "one.png", png(picture));
    said = ebb("predict net one.png --json --probabilities").output;
    const Finished exported = ebb("export net --torch torch.safetensors --npz run.npz");
    BOOST_REQUIRE_MESSAGE(exported.status == 0, exported.output);
  }
  Finished ebb(const std::string& arguments) const {
    return test::shell("cd " + data.root.string() + " && " + test::program() + arguments);
  }
  fs::path file(const std::string& name) const { return data.root / name; }
  State tensors(const std::string& name) const { return load_safetensors(file(name)).tensors; }

  test::SmallData data;
  std::string said;  // of the picture
};

const Trained& trained() {
  static const Trained once;
  return once;
}

// The same names, types, shapes and bytes.
bool same(const State& a, const State& b) {
  return a.size() == b.size() && std::ranges::equal(a, b, [](const auto& x, const auto& y) {
           return x.first == y.first && x.second.dtype() == y.second.dtype() && x.second.shape() == y.second.shape() &&
                  std::ranges::equal(x.second.bytes(), y.second.bytes());
         });
}

BOOST_AUTO_TEST_SUITE(import_command)

BOOST_AUTO_TEST_CASE(a_network_comes_back_in_every_byte) {
  const State ours = trained().tensors("net/model.safetensors");
  BOOST_TEST(!same(trained().tensors("torch.safetensors"), ours));
  BOOST_TEST(same(load_npz(trained().file("run.npz")), ours));
  for (const std::string from :
       {"--torch torch.safetensors", "--npz run.npz --like net", "--npz run.npz --like net/model.safetensors"}) {
    BOOST_TEST_CONTEXT(from) {
      const Finished imported = trained().ebb("import " + from + " --out back.safetensors --overwrite");
      BOOST_REQUIRE_MESSAGE(imported.status == 0, imported.output);
      BOOST_TEST(same(trained().tensors("back.safetensors"), ours));
      BOOST_TEST(trained().ebb("predict back.safetensors one.png --json --probabilities").output == trained().said);
      BOOST_TEST(trained().ebb("summary back.safetensors").output == trained().ebb("summary net").output);
      BOOST_REQUIRE(trained().ebb("export back.safetensors --torch b.safetensors --npz b.npz --overwrite").status == 0);
      BOOST_TEST(same(trained().tensors("b.safetensors"), trained().tensors("torch.safetensors")));
      BOOST_TEST(test::read(trained().file("b.npz")) == test::read(trained().file("run.npz")));
    }
  }
}

// What PyTorch itself writes says nothing of classes and pixels.
BOOST_AUTO_TEST_CASE(what_a_state_dict_does_not_say_options_say) {
  save_safetensors(trained().file("bare.safetensors"), trained().tensors("torch.safetensors"));
  const PixelStatistics pixels = *Predictor(trained().file("net")).card().standardisation;
  std::string options;
  for (const auto& [more, missing] : {std::pair<std::string, const char*>{" --model lenet", "--model"},
                                      {" --image 28x28x1", "--image"},
                                      {" --classes 0,1,2,3,4,5,6,7,8,9", "--classes"}}) {
    const Finished refused = trained().ebb("import --torch bare.safetensors --out bare.out" + options);
    BOOST_TEST(refused.status == 1);
    BOOST_TEST(has(refused.output, missing), refused.output);
    BOOST_TEST(!fs::exists(trained().file("bare.out")));
    options += more;
  }
  const Finished plain = trained().ebb("import --torch bare.safetensors --out plain.out" + options);
  BOOST_REQUIRE_MESSAGE(plain.status == 0, plain.output);
  BOOST_TEST(trained().ebb("predict plain.out one.png --json --probabilities").output != trained().said);
  options += text(" --mean ", pixels.mean[0], " --deviation ", pixels.deviation[0]);
  const Finished imported = trained().ebb("import --torch bare.safetensors --out bare.out" + options);
  BOOST_REQUIRE_MESSAGE(imported.status == 0, imported.output);
  BOOST_TEST(trained().ebb("predict bare.out one.png --json --probabilities").output == trained().said);
}

BOOST_AUTO_TEST_CASE(numbers_in_f64_are_rounded_to_the_network) {
  State wide = load_npz(trained().file("run.npz"));
  for (auto& entry : wide)
    if (entry.second.dtype() == DType::f32) entry.second = cast(entry.second, DType::f64);
  save_npz(trained().file("wide.npz"), wide);
  const Finished imported = trained().ebb("import --npz wide.npz --like net --out wide.out");
  BOOST_REQUIRE_MESSAGE(imported.status == 0, imported.output);
  BOOST_TEST(same(trained().tensors("wide.out"), trained().tensors("net/model.safetensors")));
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused_and_nothing_is_written) {
  State lacking = load_npz(trained().file("run.npz"));
  lacking.erase("conv1.weight");
  save_npz(trained().file("lacking.npz"), lacking);
  test::put_file(trained().file("there"), "precious");
  const auto refused = [](const std::string& arguments, const std::string& part) {
    const Finished done = trained().ebb(arguments);
    BOOST_TEST(done.status != 0, arguments);
    BOOST_TEST(has(done.output, part), done.output);
  };
  refused("import --out x.out", "--torch FILE or --npz FILE");
  refused("import --npz run.npz --torch torch.safetensors --out x.out", "--npz");
  refused("import --npz run.npz --like net", "--out");
  refused("import --npz run.npz --out x.out", "--model lenet");
  refused("import --npz lacking.npz --like net --out x.out", "conv1.weight");
  refused("import --npz torch.safetensors --like net --out x.out", "ZIP");
  refused("import --torch net/model.safetensors --out x.out", "[");
  refused("import --torch torch.safetensors --model resnet8 --out x.out", "conv1.weight");
  refused("import --npz run.npz --like net --mean 0.1 --out x.out", "--deviation");
  refused("import --npz run.npz --like net --mean 0.1,0.2 --deviation 1,1 --out x.out", "1 channels");
  refused("import --npz run.npz --like net --mean 0.1 --deviation 0 --out x.out", "--deviation");
  refused("import --npz run.npz --like net --out there", "--overwrite");
  refused("import --npz run.npz --like net --out run.npz --overwrite", "the file that is read");
  refused("import --npz run.npz --like net --out net/model.safetensors --overwrite", "the file that is read");
  refused("predict torch.safetensors one.png", "ebb import --torch");
  BOOST_TEST(test::read(trained().file("there")) == "precious");
  BOOST_TEST(!fs::exists(trained().file("x.out")));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
