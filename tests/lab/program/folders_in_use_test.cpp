// Folders of pictures from the first look to a prediction.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <sstream>

#include "data/packed_set.h"
#include "data/picture.h"
#include "lab/format/png.h"
#include "lab/use/predictor.h"
#include "tests/data/picture_files.h"
#include "tests/lab/outcomes.h"
#include "tests/support/instrumented.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

using test::Finished;
using test::has;
using test::put_below;
using test::put_classes;
using test::succeeds;
using test::TemporaryDirectory;

BOOST_AUTO_TEST_SUITE(folders_in_use)

// A network sees pictures as in its training.
BOOST_AUTO_TEST_CASE(predictions_fit_pictures_as_the_training_did) {
  const TemporaryDirectory root;
  put_classes(root / "in", {"a", "b"}, 30);
  put_below(root / "long.png", test::random_png(4000, 8, 30));
  const std::string run = (root / "run").string(), out = " --out " + run + " --overwrite";
  const std::string predict = "predict " + run + ' ' + (root / "long.png").string() + " --json --probabilities";
  const std::string train = "train mnist --model linear --epochs 1 --batch 8 ";
  succeeds("data pack " + (root / "in").string() + " --fit pad --out " + (root / "set.safetensors").string());
  for (const std::string& data : {"--set data=folder --set fit=pad --data " + (root / "in").string(),
                                  "--set data=" + (root / "set.safetensors").string()}) {
    succeeds(train + data + out);
    const std::string said = succeeds(predict).output;
    BOOST_TEST(said.substr(said.find("{")) == [&] {
      const std::string padded = succeeds(predict + " --fit pad").output;
      return padded.substr(padded.find("{"));
    }());
    const std::string cropped = succeeds(predict + " --fit crop").output;
    BOOST_TEST(said.substr(said.find("{")) != cropped.substr(cropped.find("{")));
  }
}

BOOST_AUTO_TEST_CASE(three_hundred_classes_are_trained_judged_and_predicted) {
  const TemporaryDirectory root;
  std::vector<std::string> classes;
  for (int c = 0; c < 300; ++c) classes.push_back(text("c", 1000 + c));
  put_classes(root / "in/train", classes, 2);
  put_classes(root / "in/test", classes, 1, 5000);
  succeeds("train mnist --set data=folder --data " + (root / "in").string() + " --out " + (root / "run").string() +
           " --model linear --epochs 12 --lr 0.1 --batch 100 --set evaluate_every=12");
  const std::string last = (root / "in/train/c1299/100.png").string();
  BOOST_TEST(has(succeeds("predict " + (root / "run").string() + ' ' + last).output, "  c1299 "));
  BOOST_TEST(has(succeeds("eval " + (root / "run").string()).output, "on 300 test images"));
}

BOOST_AUTO_TEST_CASE(verify_tells_what_is_wrong_with_a_folder) {
  const TemporaryDirectory root;
  for (const char* const split : {"train", "test"})
    put_classes(root / split, {"cat", "dog"}, 5, split[1] == 'r' ? 1 : 50);
  const test::Bytes twice = test::random_png(77, 9, 7);
  put_below(root / "train/cat/x.png", twice);
  put_below(root / "train/dog/y.png", twice);
  put_below(root / "test/dog/z.png", twice);
  const Finished good = succeeds("data verify " + root.path().string());
  for (const char* const part :
       {"12 training pictures", "11 test pictures", "2 classes of 5 to 6 pictures", "    dog  6", "8x8  10", "9x7  2",
        "within train: 1\n  train/cat/x.png and train/dog/y.png, as cat and as dog", "within test: none",
        "in train and test: 1\n  train/cat/x.png and test/dog/z.png", "cannot be read: none"})
    BOOST_TEST(has(good.output, part), good.output);
  const std::string out = (root / "set.safetensors").string();
  succeeds("data pack " + root.path().string() + " --size 8x8 --out " + out);
  BOOST_TEST(has(succeeds("data verify " + out).output, "in train and test: 1\n  train/cat/x.png and test/dog/z.png"));
  put_below(root / "test/cat/broken.jpg", "nothing");
  const Finished bad = test::ebb("data verify " + root.path().string());
  BOOST_TEST(bad.status == 1);
  BOOST_TEST(has(bad.output, "cannot be read: 1\n"), bad.output);
  BOOST_TEST(has(bad.output, "broken.jpg"));
  for (const std::string& what : {root.path().string(), root.path().string() + " --test", out + " --test"}) {
    const std::string picture = (root / "sheet.png").string();
    BOOST_TEST(has(succeeds("data show " + what + " --out " + picture).output, "cat, dog"));
    FileSource file(picture);
    BOOST_TEST(read_picture(file).dim(2) == 1);
  }
}

BOOST_AUTO_TEST_CASE(a_packed_set_that_lacks_a_class_in_a_split_is_told_of) {
  const TemporaryDirectory root;
  for (const char* const split : {"train", "test"})
    put_classes(root / "in" / split, {"cat", "dog"}, 5, split[1] == 'r' ? 1 : 50);
  const std::string out = (root / "set.safetensors").string();
  succeeds("data pack " + (root / "in").string() + " --out " + out);
  BOOST_TEST(has(succeeds("data verify " + out).output, "classes without a picture in test: none"));
  const PictureSet whole = load_packed_set(out);
  for (const bool train : {true, false}) {
    PictureSet set = whole;
    PictureSplit& split = train ? set.train : set.test;
    split.labels = Tensor::zeros({5 + 5}, DType::u8);
    save_packed_set(out, set);
    const Finished verified = test::ebb("data verify " + out);
    BOOST_TEST(verified.status == 1);
    BOOST_TEST(has(verified.output, text("classes without a picture in ", train ? "train" : "test", ": 1\n  dog")),
               verified.output);
    const Finished trained = test::ebb("train mnist --model linear --epochs 1 --set data=" + out + " --out " +
                                       (root / text("run", train)).string());
    BOOST_TEST(trained.status == (train ? 1 : 0), trained.output);
    BOOST_TEST(has(trained.output, train ? "classes without a picture to learn from:\n  dog"
                                         : "classes without a test picture, not evaluated:\n  dog"),
               trained.output);
  }
  fs::remove_all(root / "in/test/dog");
  BOOST_TEST(has(succeeds("data pack " + (root / "in").string() + " --overwrite --out " + out).output,
                 "classes without a test picture, not evaluated:\n  dog"));
}

BOOST_AUTO_TEST_CASE(a_picture_of_ones_own_is_not_replaced_unasked) {
  const TemporaryDirectory root;
  put_classes(root / "pets", {"cat", "dog"}, 5);
  put_below(root / "pets.png", "mine");
  const std::string there = "cd " + root.path().string() + " && " EBB_PROGRAM " data show pets";
  const Finished refused = test::shell(there);
  BOOST_TEST(refused.status == 1);
  BOOST_TEST(has(refused.output, "--out FILE"), refused.output);
  BOOST_TEST(test::read(root / "pets.png") == "mine");
  BOOST_TEST(test::shell(there + " --out pets.png").status == 0);
  BOOST_TEST(test::read(root / "pets.png") != "mine");
}

// A small file that takes 64 MiB, under limits of which some are too small to decode it.
BOOST_AUTO_TEST_CASE(a_lack_of_memory_is_no_damaged_picture) {
  if (test::instrumented) return;  // sanitizers map terabytes
  const TemporaryDirectory root;
  constexpr std::uint32_t side = 4096;
  const test::Bytes rows(std::size_t{side} * (1 + 4 * side), std::byte{0});
  put_below(root / "in/a/large.png", test::png_file(test::png_header(side, side, 8, 6), rows));
  put_classes(root / "in", {"a", "b"}, 3);
  int missed = 0;
  for (int megabytes = 120; megabytes <= 480; megabytes += 40) {
    const Finished done = test::shell(
        text("ulimit -v ", megabytes * 1000, "; EBB_THREADS=1 ", EBB_PROGRAM, " data pack ", (root / "in").string(),
             " --size 8x8 --skip-broken --overwrite --out ", (root / "x.safetensors").string()));
    BOOST_TEST((done.status == 0 || done.status == 1), megabytes << " MB: status " << done.status);
    BOOST_TEST(!has(done.output, "damaged"), done.output);
    BOOST_TEST(!has(done.output, "left out"), done.output);
    BOOST_TEST(!has(done.output, "batch"), done.output);  // there is none
    if (has(done.output, "[memory]")) ++missed;
  }
  BOOST_TEST(missed > 0);
}

// A coloured drawing of bars that lie or stand, or of squares, as noisy as a photograph.
std::vector<std::byte> drawing(int kind, std::uint64_t seed) {
  const Rng rng(seed);
  const auto side = static_cast<std::int64_t>(40 + rng.below(17, 0));
  Tensor picture({side, side + 4, 3}, DType::u8);
  std::uint8_t* at = picture.mutable_data<std::uint8_t>();
  for (std::int64_t y = 0; y < side; ++y)
    for (std::int64_t x = 0; x < side + 4; ++x)
      for (int c = 0; c < 3; ++c) {
        const bool row = y / 10 % 2 == 0, column = x / 10 % 2 == 0;
        const int light = (kind == 0 ? row : kind == 1 ? column : row == column) ? 150 : 30;
        *at++ = static_cast<std::uint8_t>(
            light + static_cast<int>(rng.below(90, static_cast<std::uint64_t>(1 + y * 400 + 4 * x + c))));
      }
  return png(picture);
}

// The lines of the page's block that begin with "ebb", without their comments.
std::vector<std::string> commands_of_the_page() {
  const std::string page = test::read(fs::path(EBB_SOURCE_DIR) / "docs/using.md");
  const std::string mark = "<!-- run: shapes -->\n```sh\n";
  const std::size_t begin = page.find(mark);
  BOOST_REQUIRE(begin != std::string::npos);
  std::istringstream block(
      page.substr(begin + mark.size(), page.find("```", begin + mark.size()) - begin - mark.size()));
  std::vector<std::string> out;
  for (std::string line; std::getline(block, line);) {
    BOOST_REQUIRE(line.starts_with("ebb "));
    out.push_back(line.substr(4, line.find('#') - 4));
  }
  return out;
}

// ONNX Runtime says of the fitted picture what `ebb predict` says. Skipped where it is not installed.
void judge_by_onnx_runtime(const fs::path& root) {
  const Predictor predictor(root / "runs/shapes");
  FileSource file(root / "new.png");
  const Tensor fitted = predictor.fitted(read_picture(file), {.fit = *predictor.card().fit});
  test::put_file(root / "pixels", fitted.bytes());
  test::put_file(root / "judge.py",
                 "import sys\n"
                 "try:\n"
                 "    import numpy, onnxruntime\n"
                 "except ImportError:\n"
                 "    sys.exit(77)\n"
                 "pixels = numpy.fromfile('pixels', numpy.uint8).reshape(1, 32, 32, 3)\n"
                 "session = onnxruntime.InferenceSession('shapes.onnx', providers=['CPUExecutionProvider'])\n"
                 "logits = session.run(['logits'], {session.get_inputs()[0].name: pixels})[0]\n"
                 "print('class', logits[0].argmax())\n");
  const char* const python = std::getenv("EBB_ONNX_PYTHON");
  const Finished judged =
      test::shell("cd " + root.string() + " && " + (python != nullptr ? python : "python3") + " judge.py");
  if (judged.status == 77) {
    BOOST_TEST_MESSAGE("skipped: no onnxruntime (EBB_ONNX_PYTHON names the Python that has it)");
    return;
  }
  BOOST_TEST(judged.status == 0, judged.output);
  const auto wanted = std::ranges::find(predictor.classes(), "chequered") - predictor.classes().begin();
  BOOST_TEST(has(judged.output, text("class ", wanted)), judged.output);
}

BOOST_AUTO_TEST_CASE(the_commands_of_the_page_tell_new_pictures_apart) {
  const TemporaryDirectory root;
  const char* const kinds[] = {"lying", "standing", "chequered"};
  for (int kind = 0; kind < 3; ++kind)
    for (unsigned i = 0; i < 40; ++i)
      put_below(root / text("shapes/", kinds[kind], '/', i, ".png"),
                drawing(kind, 100U * static_cast<unsigned>(kind) + i));
  put_below(root / "new.png", drawing(2, 9000));
  const std::vector<std::string> commands = commands_of_the_page();
  BOOST_REQUIRE(commands.size() == 6U);
  std::vector<std::string> weights;
  for (std::string command : commands) {
    // Under a sanitizer the commands work, and nothing is learned.
    if (const std::size_t at = command.find(" --epochs 8"); test::instrumented && at != std::string::npos)
      command.replace(at, 11, " --epochs 1 --set train_samples=24");
    const Finished run = test::shell("cd " + root.path().string() + " && " + test::program() + command);
    BOOST_REQUIRE_MESSAGE(run.status == 0, command + '\n' + run.output);
    if (command.starts_with("predict") && !test::instrumented)
      BOOST_TEST(has(run.output, "new.png  chequered "), run.output);
    if (const std::size_t at = run.output.find("\nweights "); at != std::string::npos)
      weights.push_back(run.output.substr(at, 73));
  }
  BOOST_REQUIRE(weights.size() == 2U);
  BOOST_TEST(weights[0] == weights[1]);
  judge_by_onnx_runtime(root.path());
  for (int kind = 0; kind < (test::instrumented ? 0 : 3); ++kind) {
    const fs::path fresh = root / text("new", kind, ".png");
    put_below(fresh, drawing(kind, 9100U + static_cast<unsigned>(kind)));
    BOOST_TEST(has(succeeds("predict " + (root / "runs/shapes").string() + ' ' + fresh.string()).output, kinds[kind]));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
