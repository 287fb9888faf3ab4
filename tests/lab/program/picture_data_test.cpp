// Folders of pictures and packed sets as data: the same training from all of them, and the commands that make them.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <sstream>

#include "data/mnist.h"
#include "data/packed_set.h"
#include "data/pictures/decode.h"
#include "lab/format/png.h"
#include "lab/program/pack_command.h"
#include "lab/setup/build.h"
#include "lab/training/evaluation.h"
#include "lab/use/predictor.h"
#include "tests/data/picture_files.h"
#include "tests/lab/outcomes.h"
#include "tests/support/instrumented.h"
#include "tests/support/shared_data.h"

namespace ebb::picture_data_test {
namespace {

namespace fs = std::filesystem;

using test::Finished;
using test::has;
using test::put_below;
using test::put_classes;
using test::refused;
using test::succeeds;
using test::TemporaryDirectory;

// The line "weights SHA" of a training of a second.
std::string weights_of(const std::string& settings) {
  const std::string output =
      succeeds(
          "train mnist --epochs 1 --batch 50 --overwrite --set save_minutes=0 --set warmup_epochs=0 --model mlp "
          "--set hidden=16 " +
          settings)
          .output;
  const std::size_t at = output.find("\nweights ");
  BOOST_REQUIRE_MESSAGE(at != std::string::npos, output);
  return output.substr(at + 1, 72);
}

// Made-up digits as IDX files, as a folder and as a packed set.
struct ThreeForms {
  ThreeForms() {
    succeeds("data unpack mnist --data " + idx() + " --to " + folder());
    succeeds("data pack " + folder() + " --size 28x28 --out " + packed());
  }
  std::string idx() const { return (data.root / "data").string(); }
  std::string folder() const { return (data.root / "folder").string(); }
  std::string packed() const { return (data.root / "set.safetensors").string(); }
  std::string out() const { return " --out " + (data.root / "run").string() + ' '; }
  test::SmallData data;
};

const ThreeForms& forms() {
  static const ThreeForms once;
  return once;
}

// Predicts the test set of an unpacked set, and compares with what an evaluation computes in its batches.
void compare_predictions(const std::string& run, const std::string& folder, const Mnist& test) {
  Predictor predictor(run);
  constexpr std::int64_t batch = 500;
  std::int64_t compared = 0;
  std::vector<float> wanted;
  for (std::int64_t first = 0; first < test.size(); first += batch) {
    const std::int64_t count = std::min(batch, test.size() - first);
    const Tensor pixels =
        Tensor::from(test.pixels().span<std::uint8_t>().subspan(static_cast<std::size_t>(784 * first),
                                                                static_cast<std::size_t>(784 * count)),
                     {count, 28, 28, 1});
    const Tensor logits = view_logits(predictor.model(), standardise(pixels, test.statistics()));
    wanted.insert(wanted.end(), logits.span<float>().begin(), logits.span<float>().end());
  }
  for (std::int64_t label = 0; label < 10; ++label) {
    const Finished said =
        succeeds("predict " + run + ' ' + folder + "/test/" + text(label) + " --json --probabilities");
    std::istringstream lines(said.output);
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with('{')) continue;
      const nlohmann::json json = nlohmann::json::parse(line);
      const auto number =
          static_cast<std::size_t>(std::stoll(fs::path(json["picture"].get<std::string>()).stem().string()));
      bool same = test.label(static_cast<std::int64_t>(number)) == label;
      for (std::size_t c = 0; c < 10; ++c) same = same && json["logits"][c].get<float>() == wanted[10 * number + c];
      BOOST_TEST(same, "image " << number);
      ++compared;
    }
  }
  BOOST_TEST(compared == test.size());
}

BOOST_AUTO_TEST_SUITE(picture_data)

// Published statistics are those of the real digits: with something held out all three fit their own.
BOOST_AUTO_TEST_CASE(trainings_from_files_a_folder_and_a_packed_set_end_with_the_same_weights) {
  const std::string more = forms().out() + "--set validation=0.2 ";
  const std::string wanted = weights_of("--data " + forms().idx() + more);
  for (const int threads : {1, 2})
    for (const int prefetch : {0, 4}) {
      const std::string how = more + text("--threads ", threads, " --set prefetch=", prefetch, ' ');
      BOOST_TEST(weights_of(how + "--set data=folder --data " + forms().folder()) == wanted);
      BOOST_TEST(weights_of(how + "--set data=" + forms().packed()) == wanted);
    }
  BOOST_TEST(weights_of("--seed 2 --data " + forms().idx() + more) != wanted);
}

BOOST_AUTO_TEST_CASE(real_digits_are_the_same_from_files_a_folder_and_a_packed_set) {
  const fs::path shared = test::shared_data("optdigits");
  if (shared.empty()) return;
  const TemporaryDirectory root;
  const std::string folder = (root / "folder").string(), packed = (root / "set.safetensors").string();
  succeeds("data unpack optdigits --data " + shared.string() + " --to " + folder);
  succeeds("data pack " + folder + " --out " + packed);
  const std::string out = " --out " + (root / "run").string();
  const std::string wanted = weights_of("--set data=optdigits --data " + shared.string() + out);
  BOOST_TEST(weights_of("--set data=folder --data " + folder + out) == wanted);
  BOOST_TEST(weights_of("--set data=set.safetensors --data " + root.path().string() + out) == wanted);
}

BOOST_AUTO_TEST_CASE(predictions_of_unpacked_files_are_those_of_an_evaluation_to_the_last_bit) {
  weights_of("--data " + forms().idx() + forms().out());
  compare_predictions((forms().data.root / "run").string(), forms().folder(), Mnist(forms().idx(), Split::test));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(picture_commands)

BOOST_AUTO_TEST_CASE(a_training_from_a_packed_set_never_calls_the_decoder) {
  Recipe recipe;
  recipe.data = forms().packed();
  const std::int64_t before = detail::decode_calls();
  const RecipeData packed = read_data(recipe);
  BOOST_TEST(detail::decode_calls() == before);
  recipe.data = "folder";
  recipe.data_dir = forms().folder();
  recipe.pictures.image_size = PictureSize{28, 28};
  const RecipeData folder = read_data(recipe);
  BOOST_TEST(detail::decode_calls() == before + 500);
  BOOST_TEST(std::ranges::equal(packed.train->pixels().bytes(), folder.train->pixels().bytes()));
  BOOST_TEST((packed.test->statistics() == folder.test->statistics()));
}

BOOST_AUTO_TEST_CASE(a_packed_set_has_the_same_bytes_on_any_number_of_threads) {
  const TemporaryDirectory root;
  for (const char* const threads : {"1", "2"}) {
    setenv("EBB_THREADS", threads, 1);
    succeeds("data pack " + forms().folder() + " --size 9x7 --fit stretch --out " +
             (root / (std::string(threads) + ".safetensors")).string());
  }
  unsetenv("EBB_THREADS");
  BOOST_TEST(test::read(root / "1.safetensors") == test::read(root / "2.safetensors"));
}

BOOST_AUTO_TEST_CASE(a_pack_that_is_killed_leaves_the_old_file_or_the_new_one) {
  const TemporaryDirectory root;
  put_classes(root / "in", {"a", "b"}, 100);
  const std::string out = (root / "out.safetensors").string();
  const std::string pack = "data pack " + (root / "in").string() + " --size 64x64 --out " + out;
  succeeds(pack);
  const std::string whole = test::read(out);
  test::put_file(out, "old");
  int killed = 0, packed = 0;
  for (double seconds = 0.002; packed == 0 && seconds < 60; seconds *= 1.3) {
    const Finished run = test::shell(text("timeout -s KILL ", seconds, ' ', EBB_PROGRAM, ' ', pack, " --overwrite"));
    const std::string now = test::read(out);
    BOOST_TEST((now == "old" || now == whole));
    killed += run.status != 0 ? 1 : 0;
    packed += now == whole ? 1 : 0;
    test::put_file(out, "old");
  }
  BOOST_TEST(killed > 0);
  BOOST_TEST(packed > 0);
  test::put_file(root / "out.safetensors.tmp-99999999", "a leftover");
  succeeds(pack + " --overwrite");
  BOOST_TEST(root.files() == (std::vector<std::string>{"in", "out.safetensors"}), boost::test_tools::per_element());
}

// Pictures in one size come in pieces that are given back as the set is put together.
BOOST_AUTO_TEST_CASE(packing_takes_little_more_memory_than_the_set) {
  if (test::instrumented) return;
  const TemporaryDirectory root;
  put_classes(root / "in", {"a", "b"}, 120);
  const std::string in = (root / "in").string(), out = (root / "set.safetensors").string();
  const pid_t child = fork();
  if (child == 0) {
    std::freopen("/dev/null", "w", stdout);
    execl(EBB_PROGRAM, "ebb", "data", "pack", in.c_str(), "--size", "512x512", "--out", out.c_str(), nullptr);
    _exit(127);
  }
  int status = -1;
  rusage usage{};
  BOOST_REQUIRE(wait4(child, &status, 0, &usage) == child);
  BOOST_TEST(status == 0);
  const std::int64_t set = 240 * 512 * 512;
  BOOST_TEST(static_cast<std::int64_t>(fs::file_size(out)) > set);
  BOOST_TEST(usage.ru_maxrss * 1024 < set + (std::int64_t{70} << 20));
}

BOOST_AUTO_TEST_CASE(what_would_replace_or_mix_files_is_refused) {
  const TemporaryDirectory root;
  put_classes(root / "in", {"a", "b"}, 20);
  const std::string in = (root / "in").string(), out = (root / "set.safetensors").string();
  succeeds("data pack " + in + " --out " + out);
  refused("data pack " + in + " --out " + out, "--overwrite");
  succeeds("data pack " + in + " --out " + out + " --overwrite");
  refused("data pack " + in + " --out " + (root / "set.bin").string(), ".safetensors");
  refused("data pack " + in + " --out " + (root / "no/set.safetensors").string(), "mkdir -p");
  refused("data pack " + in + " --out " + out + " --overwrite --size 8", "height x width");
  refused("data pack " + in + " --out " + out + " --overwrite --size 8x0", "sides of 1 to 4096");
  refused("data pack " + in + " --out " + out + " --overwrite --fit sideways", "crop, pad or stretch");
  refused("data pack " + in + " --out " + out + " --overwrite --test 1", "between 0 and 1");
  refused("data pack " + in + " --out " + out + " --overwrite --test 0.001", "no picture in the test set");
  refused("data pack " + in + " --out " + out + " --overwrite --test 0.999", "classes without a picture");
  refused("data pack " + forms().folder() + " --out " + out + " --overwrite --test 0.2", "a folder that has one");
  refused("data unpack mnist --data " + forms().idx() + " --to " + in, "a directory with files in it");
  refused("data unpack nonsense --to " + in, "the name of a data set");
}

BOOST_AUTO_TEST_CASE(recipes_say_what_they_lack_or_contradict) {
  const std::string train = "train mnist --set data=folder ";
  refused(train, "--data DIR");
  refused(train + "--data " + forms().folder() + " --test 0.3", "a folder with a test set");
  refused("train mnist --set image_size=8x8 --data " + forms().idx(), "beside data = \"mnist\", which ignores it");
  const std::string packed = "train mnist --set data=" + forms().packed();
  refused(packed + " --set grey=true", "which ignores it");
  refused(packed + " --test 0.3", "which ignores it");
  refused(packed + " --set fit=pad", "fit = \"pad\" for a packed set with \"crop\"");
  refused(packed + " --set image_size=32x32", "image_size = \"32x32\" for a packed set with \"28x28\"");
  refused(packed + " --set image_size=32x32", "`ebb data pack FOLDER --size 32x32 --out NEW.safetensors`");
  refused(packed + " --set fit=pad", "`ebb data pack FOLDER --fit pad --out NEW.safetensors`");
  refused(train + "--set image_size=big --data " + forms().folder(), "height x width");
  refused("train mnist --set data=" + (forms().data.root / "none.safetensors").string(), "No such file");
}

BOOST_AUTO_TEST_CASE(pictures_of_a_size_that_the_model_does_not_take_get_a_remedy_that_works) {
  const TemporaryDirectory root;
  put_classes(root / "in", {"a", "b"}, 20);
  const std::string in = (root / "in").string(), out = " --out " + (root / "run").string();
  const std::string set = (root / "set.safetensors").string();
  succeeds("data pack " + in + " --out " + set);
  for (const char* const model : {"lenet", "mnistcnn"}) {
    const std::string train = text("train mnist --epochs 1 --batch 8 --model ", model, out, " --overwrite --set data=");
    refused(train + "folder --data " + in, text("pictures of 8x8 for ", model));
    refused(train + "folder --data " + in, "choose it: --set image_size=28x28");
    succeeds(train + "folder --data " + in + " --set image_size=28x28");
    refused(train + set, "pack its pictures anew: `ebb data pack FOLDER --size 28x28 --out NEW.safetensors`");
  }
  // What has nothing to do with the size is told as it is.
  const Finished other = test::ebb("train mnist --model resnet8 --set norm=group --set norm_groups=7 --data " + in +
                                   out + " --overwrite --set data=folder");
  BOOST_TEST(other.status == 1);
  BOOST_TEST(!has(other.output, "image_size"), other.output);
}

BOOST_AUTO_TEST_CASE(class_names_that_are_no_directories_get_their_numbers) {
  using Names = std::vector<std::string>;
  BOOST_TEST(directory_names({"ant", "bee"}) == (Names{"ant", "bee"}), boost::test_tools::per_element());
  BOOST_TEST(directory_names({"T-shirt/top", "Trouser"}) == (Names{"0-T-shirt-top", "1-Trouser"}),
             boost::test_tools::per_element());
  Names many;
  for (int i = 0; i < 11; ++i) many.push_back(text("z", 20 - i));
  BOOST_TEST(directory_names(many).front() == "00-z20");
  BOOST_TEST(std::ranges::is_sorted(directory_names(many)));
}

BOOST_AUTO_TEST_CASE(a_run_lists_what_it_left_out_and_keeps_its_size) {
  const TemporaryDirectory root;
  put_classes(root / "in", {"a", "b"}, 40);
  put_below(root / "in/a/broken.png", "<html>");
  put_below(root / "in/notes.txt", "x");
  const std::string settings = "--set data=folder --data " + (root / "in").string() + " --out " +
                               (root / "run").string() + " --model mlp --set hidden=4 --epochs 1 --batch 8 ";
  refused("train mnist " + settings, "a web page (HTML)");
  const Finished run = succeeds("train mnist " + settings + "--set skip_broken=true");
  for (const char* const part : {"[8, 8, 1]", "their median size; image_size = \"8x8\"", "no test set: a share of 0.2",
                                 "notes.txt", "1 pictures that cannot be read are left out"})
    BOOST_TEST(has(run.output, part), run.output);
  BOOST_TEST(has(test::read(root / "run/skipped.txt"), "broken.png] got a web page (HTML)"));
  BOOST_TEST(has(test::read(root / "run/recipe.toml"), "image_size = \"8x8\""));
  const Finished judged = succeeds("eval " + (root / "run").string());
  BOOST_TEST(has(judged.output, "test images"));
  // More pictures, another median: the run's own size stays, and other data are told of.
  for (std::uint64_t i = 0; i < 100; ++i)
    put_below(root / text("in/b/large", i, ".png"), test::random_png(7000 + i, 20, 20));
  refused("resume " + (root / "run").string(), "checksums of other data");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(all_of_mnist_slow)

BOOST_AUTO_TEST_CASE(seventy_thousand_digits_are_the_same_in_all_forms) {
  const fs::path shared = test::shared_data("mnist");
  if (shared.empty()) return;
  const TemporaryDirectory root;
  const std::string folder = (root / "folder").string(), run = (root / "run").string(), out = " --out " + run + ' ';
  succeeds("data unpack mnist --data " + shared.string() + " --to " + folder);
  succeeds("data pack " + folder + " --out " + (root / "set.safetensors").string());
  const std::string wanted = weights_of("--data " + shared.string() + out + "--set model=lenet --set hidden=default");
  const std::string more = out + "--set model=lenet --set hidden=default --threads ";
  BOOST_TEST(weights_of("--set data=folder --data " + folder + more + "1") == wanted);
  BOOST_TEST(weights_of("--set data=set.safetensors --data " + root.path().string() + more + "2") == wanted);
  compare_predictions(run, folder, Mnist(shared, Split::test));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::picture_data_test
