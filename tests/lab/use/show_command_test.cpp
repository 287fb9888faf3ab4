// `ebb show`: which files it writes, what it says, and what it leaves alone.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "data/mnist.h"
#include "data/picture.h"
#include "framework/io/safetensors.h"
#include "lab/format/png.h"
#include "lab/use/filter_sheet.h"
#include "lab/use/inside_sheets.h"
#include "lab/use/predictor.h"
#include "lab/use/saliency.h"
#include "tests/lab/program.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tensors.h"

namespace ebb::show_command_test {
namespace {

namespace fs = std::filesystem;
using test::Finished;
using test::has;
using test::same_bits;

// Two runs of a second and a network without convolutions, and three pictures.
struct Trained {
  Trained() {
    for (const char* const run : {"a", "b"})
      require(test::ebb(data.train(run, text("--epochs 1 --set lambda=", run[0] == 'a' ? "0" : "0.5"))));
    require(test::ebb(data.train("mlp", "--epochs 1 --model mlp --set hidden=4")));
    fs::create_directories(data.root / "three");
    const Mnist test(data.root / "data", Split::test);
    for (std::int64_t i = 0; i < 3; ++i) {
      Tensor picture({28, 28, 1}, DType::u8);
      std::ranges::copy_n(test.pixels().data<std::uint8_t>() + 784 * i, 784, picture.mutable_data<std::uint8_t>());
      test::put_file(data.root / "three" / text(i, ".png"), png(picture));
    }
  }
  static void require(const Finished& run) { BOOST_REQUIRE_MESSAGE(run.status == 0, run.output); }
  std::string run(const char* name) const { return (data.root / name).string(); }
  std::string picture(int number) const { return (data.root / "three" / text(number, ".png")).string(); }
  test::SmallData data;
};

const Trained& trained() {
  static const Trained once;
  return once;
}

Finished show(const std::string& arguments, const fs::path& out) {
  return test::ebb("show " + arguments + " --out " + out.string());
}

Tensor read_png(const fs::path& path) {
  FileSource source(path);
  return read_picture(source);
}

BOOST_AUTO_TEST_SUITE(show_command)

BOOST_AUTO_TEST_CASE(filters_of_two_runs_stand_side_by_side) {
  const test::TemporaryDirectory out;
  const Finished said = show(trained().run("a") + ' ' + trained().run("b/model.safetensors") + " filters", out / "new");
  BOOST_TEST(said.status == 0, said.output);
  Predictor a(trained().run("a")), b(trained().run("b"));
  const std::vector<LabelledFilters> banks{{"a", first_filters(a.model(), a.image())},
                                           {"model", first_filters(b.model(), b.image())}};
  BOOST_TEST(same_bits(read_png(out / "new/a-model-filters.png"), filter_sheet(banks)));
  for (const LabelledFilters& bank : banks) BOOST_TEST(has(said.output, in_words(bank.filters)), said.output);
  BOOST_TEST(has(said.output, "a-model-filters.png"));
  BOOST_TEST((banks[1].filters.largest() < 0.99 * banks[0].filters.largest()));
}

BOOST_AUTO_TEST_CASE(each_picture_gets_a_file_of_its_own) {
  const test::TemporaryDirectory out;
  const std::string all = trained().run("a") + " saliency " + (trained().data.root / "three").string();
  const Finished said = show(all, out.path());
  BOOST_TEST(said.status == 0, said.output);
  BOOST_TEST(out.files() == (std::vector<std::string>{"0-saliency.png", "1-saliency.png", "2-saliency.png"}),
             boost::test_tools::per_element());
  Predictor predictor(trained().run("a"));
  const Tensor picture = read_png(trained().picture(1));
  const Tensor images = predictor.standardised(picture.reshape({1, 28, 28, 1}));
  BOOST_TEST(same_bits(read_png(out / "1-saliency.png"), saliency_sheet(picture, saliency(predictor.model(), images))));
  for (const char* const kind : {"maps", "cam"}) {
    const Finished one = show(trained().run("a") + ' ' + kind + ' ' + trained().picture(0), out.path());
    BOOST_TEST(one.status == 0, one.output);
  }
  BOOST_TEST(fs::exists(out / "0-maps-conv1.png"));
  BOOST_TEST(fs::exists(out / "0-cam-conv2.png"));
  BOOST_TEST(read_png(out / "0-cam-conv2.png").dim(2) == 3);
}

BOOST_AUTO_TEST_CASE(no_file_is_replaced_unless_it_is_said) {
  const test::TemporaryDirectory out;
  const std::string one = trained().run("a") + " saliency " + trained().picture(0);
  test::put_file(out / "0-saliency.png", "mine");
  const Finished refused = show(one, out.path());
  BOOST_TEST(refused.status == 1);
  BOOST_TEST(has(refused.output, "--overwrite"), refused.output);
  BOOST_TEST(test::read(out / "0-saliency.png") == "mine");
  // Nothing is computed before every name is known to be free.
  const Finished several = show(one + ' ' + trained().picture(1), out.path());
  BOOST_TEST(several.status == 1);
  BOOST_TEST(out.files().size() == 1U);
  BOOST_TEST(show(one + " --overwrite", out.path()).status == 0);
  BOOST_TEST(read_png(out / "0-saliency.png").dim(0) > 100);
  // What is read is replaced in no case, and links are not followed.
  fs::copy_file(trained().picture(0), out / "x.png");
  fs::copy_file(trained().picture(0), out / "x-saliency.png");
  const Finished own = show(trained().run("a") + " saliency " + (out / "x.png").string() + ' ' +
                                (out / "x-saliency.png").string() + " --overwrite",
                            out.path());
  BOOST_TEST(own.status == 1);
  BOOST_TEST(has(own.output, "the file that is read"), own.output);
  fs::remove(out / "0-saliency.png");
  test::put_file(out / "precious", "mine");
  fs::create_symlink("precious", out / "0-saliency.png");
  BOOST_TEST(show(one, out.path()).status == 1);
  BOOST_TEST(show(one + " --overwrite", out.path()).status == 1);
  BOOST_TEST(test::read(out / "precious") == "mine");
}

// Where a layer gives nothing above zero, its map is dark, and that is said.
BOOST_AUTO_TEST_CASE(a_map_of_nothing_is_told_of) {
  const test::TemporaryDirectory out;
  TensorFile file = load_safetensors(trained().run("a") + "/model.safetensors");
  fill(file.tensors.at("conv2.weight"), 0);
  fill(file.tensors.at("conv2.bias"), 0);
  save_safetensors(out / "dark.safetensors", file.tensors, file.metadata);
  const Finished said = show((out / "dark.safetensors").string() + " cam " + trained().picture(0), out / "out");
  BOOST_TEST(said.status == 0, said.output);
  BOOST_TEST(has(said.output, "no region of conv2 speaks"), said.output);
}

BOOST_AUTO_TEST_CASE(pictures_of_the_same_name_do_not_meet) {
  const test::TemporaryDirectory out;
  fs::create_directory(out / "other");
  fs::copy_file(trained().picture(1), out / "other/0.png");
  const std::string both = trained().picture(0) + ' ' + (out / "other/0.png").string();
  BOOST_TEST(show(trained().run("a") + " cam " + both, out / "out").status == 0);
  BOOST_TEST(fs::exists(out / "out/0-cam-conv2.png"));
  BOOST_TEST(fs::exists(out / "out/0-2-cam-conv2.png"));
}

BOOST_AUTO_TEST_CASE(bad_pictures_cost_the_others_nothing) {
  const test::TemporaryDirectory out;
  test::put_file(out / "bad.png", "GIF89a no picture");
  const Finished said = show(
      trained().run("a") + " maps " + (out / "bad.png").string() + " nowhere.png " + trained().picture(0), out / "out");
  BOOST_TEST(said.status == 1);
  BOOST_TEST(has(said.output, "a GIF"), said.output);
  BOOST_TEST(has(said.output, "nowhere.png"), said.output);
  BOOST_TEST(fs::exists(out / "out/0-maps-conv1.png"));
  fs::create_directory(out / "empty");
  const Finished beside =
      show(trained().run("a") + " maps " + (out / "empty").string() + ' ' + trained().picture(1), out / "o2");
  BOOST_TEST(beside.status == 1);
  BOOST_TEST(has(beside.output, "a directory without a picture"), beside.output);
  BOOST_TEST(fs::exists(out / "o2/1-maps-conv1.png"));
  const Finished piped = test::shell("(cat " + trained().picture(0) + " | " + test::program() + "show " +
                                     trained().run("a") + " maps - --out " + (out / "out").string() + ")");
  BOOST_TEST(piped.status == 0, piped.output);
  BOOST_TEST(fs::exists(out / "out/standard-input-maps-conv1.png"));
}

// All of them find the names free when they begin.
BOOST_AUTO_TEST_CASE(of_commands_that_write_the_same_picture_one_wins) {
  const test::TemporaryDirectory out;
  const std::string command = test::program() + "show " + trained().run("a") + " cam " + trained().picture(0) +
                              " --out " + (out / "shown").string();
  std::string all = "(";
  for (int i = 0; i < 6; ++i) all += text("(", command, "; echo status $?) & ");
  const std::string said = test::shell(all + "wait)").output;
  std::size_t won = 0, refused = 0;
  for (std::size_t at = 0; (at = said.find("status 0", at)) != std::string::npos; ++at) ++won;
  for (std::size_t at = 0; (at = said.find("a file that is there", at)) != std::string::npos; ++at) ++refused;
  BOOST_TEST(won == 1U, said);
  BOOST_TEST(refused == 5U, said);
  BOOST_TEST(fs::exists(out / "shown/0-cam-conv2.png"));
}

BOOST_AUTO_TEST_CASE(numbers_that_are_not_finite_have_maps_and_no_class) {
  const test::TemporaryDirectory out;
  TensorFile model = load_safetensors(fs::path(trained().run("a")) / "model.safetensors");
  for (auto& entry : model.tensors) entry.second = Tensor::full(entry.second.shape(), std::nan(""));
  save_safetensors(out / "nan.safetensors", model.tensors, model.metadata);
  for (const std::string what : {"maps", "saliency", "cam"}) {
    const Finished said =
        show((out / "nan.safetensors").string() + ' ' + what + ' ' + trained().picture(0), out / what);
    BOOST_TEST(has(said.output, "logits that are not finite"), said.output);
    BOOST_TEST((said.status == 0) == (what == "maps"), what);
  }
}

BOOST_AUTO_TEST_CASE(what_makes_no_sense_is_refused_with_a_sentence) {
  const test::TemporaryDirectory out;
  test::put_file(out / "file", "mine");
  const std::string a = trained().run("a"), picture = ' ' + trained().picture(0), mlp = trained().run("mlp");
  const std::vector<std::pair<std::string, std::string>> cases{
      {a + " saliancy" + picture, "did you mean \"saliency\""},
      {a, "filters, maps, saliency or cam"},
      {"filters " + a, "no model"},
      {a + " maps" + picture + " --layer convl", "did you mean \"conv1\""},
      {a + " cam" + picture + " --layer fc1", "maps [1, h, w, c]"},
      {a + " saliency" + picture + " --layer conv1", "--layer"},
      {a + " filters" + picture, "filters are those of the network"},
      {a + ' ' + a + " cam" + picture, "2 networks"},
      {a + " cam", "no picture"},
      {mlp + " filters", "without a convolution"},
      {mlp + " cam" + picture, "has no convolution"},
      {"nowhere filters", "nowhere"},
      {a + " filters --out " + (out / "file").string(), "a directory for the pictures"},
      {a + " filters --out " + (out / "file/below").string(), "file"}};
  for (const auto& [arguments, part] : cases) {
    const bool elsewhere = has(arguments, "--out");
    const Finished said = elsewhere ? test::ebb("show " + arguments) : show(arguments, out / "new");
    BOOST_TEST(said.status == 1, arguments << ": " << said.output);
    BOOST_TEST(has(said.output, part), arguments << ": " << said.output);
  }
  BOOST_TEST(out.files() == std::vector<std::string>{"file"}, boost::test_tools::per_element());
  BOOST_TEST(has(test::ebb("show " + a + " filters").output, "--out"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::show_command_test
