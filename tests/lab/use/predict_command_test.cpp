// `ebb predict` and `ebb summary`: the numbers of an evaluation, and what is said of pictures that are none.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <sstream>

#include "data/mnist.h"
#include "data/picture.h"
#include "framework/io/safetensors.h"
#include "lab/format/png.h"
#include "lab/training/evaluation.h"
#include "lab/use/far_pictures.h"
#include "lab/use/predictor.h"
#include "tests/data/png_files.h"
#include "tests/lab/program.h"
#include "tests/support/temporary_directory.h"

namespace ebb::predict_command_test {
namespace {

using test::Finished;
using test::has;

// A run of a second, its test images as pictures, and a picture that is none.
struct Trained {
  Trained() {
    const Finished run = test::ebb(data.train("run", "--epochs 1 --model mlp --set hidden=16"));
    BOOST_REQUIRE_MESSAGE(run.status == 0, run.output);
    std::filesystem::create_directory(folder());
    const Mnist test(data.root / "data", Split::test);
    for (std::int64_t i = 0; i < test.size(); ++i) {
      Tensor picture({28, 28, 1}, DType::u8);
      std::ranges::copy_n(test.pixels().data<std::uint8_t>() + 784 * i, 784, picture.mutable_data<std::uint8_t>());
      const std::string number = text(1000 + i);
      test::put_file(folder() / (number + ".png"), png(picture));
    }
    test::put_file(folder() / ".hidden.png", "nothing");
    test::put_file(folder() / "notes.txt", "nothing");
  }
  std::filesystem::path folder() const { return data.root / "pictures"; }
  std::string run() const { return (data.root / "run").string() + ' '; }
  test::SmallData data;
};

const Trained& trained() {
  static const Trained once;
  return once;
}

std::vector<nlohmann::json> lines_of(const std::string& output) {
  std::vector<nlohmann::json> out;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with('{')) out.push_back(nlohmann::json::parse(line));
  return out;
}

BOOST_AUTO_TEST_SUITE(predict)

BOOST_AUTO_TEST_CASE(pictures_give_the_logits_of_the_data_to_the_last_bit) {
  const Finished said =
      test::ebb("predict " + trained().run() + trained().folder().string() + " --json --probabilities");
  BOOST_TEST(said.status == 0);
  const std::vector<nlohmann::json> lines = lines_of(said.output);
  const Mnist test(trained().data.root / "data", Split::test);
  BOOST_REQUIRE(lines.size() == static_cast<std::size_t>(test.size()));
  Predictor predictor(trained().data.root / "run");
  const Tensor logits = predictor.logits(test.pixels());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    BOOST_TEST(has(lines[i]["picture"].get<std::string>(), text(1000 + static_cast<std::int64_t>(i)) + ".png"));
    const auto row = logits.span<float>().subspan(10 * i, 10);
    const auto best = std::ranges::max_element(row) - row.begin();
    BOOST_TEST(lines[i]["class"].get<std::string>() == test.class_name(best));
    for (std::size_t c = 0; c < 10; ++c) BOOST_TEST(lines[i]["logits"][c].get<float>() == row[c]);
  }
}

// The mean of the logits of two views, not of their probabilities, which differ from it.
BOOST_AUTO_TEST_CASE(tta_gives_the_mean_of_a_picture_and_its_mirror_image) {
  const std::filesystem::path plain = trained().folder() / "1003.png", mirrored = trained().data.root / "mirrored.png";
  {
    FileSource file(plain);
    const Tensor picture = read_picture(file);
    Tensor other(picture.shape(), DType::u8);
    for (std::int64_t i = 0; i < 28 * 28; ++i)
      other.mutable_data<std::uint8_t>()[i] = picture.data<std::uint8_t>()[i / 28 * 28 + 27 - i % 28];
    test::put_file(mirrored, png(other));
  }
  const auto said = [](const std::filesystem::path& picture, const char* option) {
    const std::vector<nlohmann::json> lines = lines_of(
        test::ebb("predict " + trained().run() + picture.string() + " --json --probabilities" + option).output);
    BOOST_REQUIRE(lines.size() == 1U);
    return lines[0];
  };
  const nlohmann::json one = said(plain, ""), two = said(mirrored, ""), both = said(plain, " --tta");
  double apart = 0, sum = 0;
  std::vector<double> mean(10);
  for (std::size_t c = 0; c < 10; ++c) {
    const double a = one["logits"][c].get<float>(), b = two["logits"][c].get<float>();
    mean[c] = (a + b) / 2;
    apart = std::max(apart, std::abs(a - b));
    sum += std::exp(mean[c]);
  }
  BOOST_TEST(apart > 0.01);  // what would be wrong by 1e-5 otherwise
  for (std::size_t c = 0; c < 10; ++c) {
    BOOST_TEST(std::abs(both["logits"][c].get<double>() - mean[c]) < 1e-6);
    BOOST_TEST(std::abs(both["probabilities"][c].get<double>() - std::exp(mean[c]) / sum) < 1e-6);
  }
  BOOST_TEST(said(mirrored, " --tta")["logits"].size() == 10U);
}

// The first call runs the network itself, later ones a prepared one.
BOOST_AUTO_TEST_CASE(all_calls_have_the_bits_of_an_evaluation_whatever_becomes_of_the_weights) {
  const test::SmallData& data = trained().data;
  const Finished run = test::ebb(data.train("normed", "--epochs 1 --model resnet8 --set train_samples=60"));
  BOOST_REQUIRE_MESSAGE(run.status == 0, run.output);
  const Mnist test(data.root / "data", Split::test);
  for (const bool flip : {false, true}) {
    Predictor predictor(data.root / "normed", {.tta_flip = flip});
    const auto wanted = [&] {
      return view_logits(predictor.model(), standardise(test.pixels(), *predictor.card().standardisation),
                         {.flip = flip});
    };
    Tensor before;
    for (const float change : {0.0F, 0.5F}) {
      for (float& weight : predictor.model().parameters()[0]->value().mutable_span<float>()) weight += change;
      const Tensor want = wanted();
      if (before.defined()) BOOST_TEST(!std::ranges::equal(before.bytes(), want.bytes()));
      for (int call = 0; call < 3; ++call) {
        const Tensor got = predictor.logits(test.pixels());
        BOOST_TEST(std::ranges::equal(got.bytes(), want.bytes()), flip << ' ' << change << ", call " << call);
      }
      before = want;
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_picture_costs_the_others_nothing) {
  const std::string good = (trained().folder() / "1000.png").string();
  test::put_file(trained().data.root / "bad.png", "GIF89a no picture");
  const Finished said = test::ebb("predict " + trained().run() + (trained().data.root / "bad.png").string() + ' ' +
                                  good + " nowhere.png");
  BOOST_TEST(said.status == 1);
  BOOST_TEST(has(said.output, "a GIF"));
  BOOST_TEST(has(said.output, "nowhere.png"));
  BOOST_TEST(has(said.output, good + "  "));
  std::filesystem::create_directory(trained().data.root / "empty");
  const Finished beside =
      test::ebb("predict " + trained().run() + (trained().data.root / "empty").string() + ' ' + good);
  BOOST_TEST(beside.status == 1);
  BOOST_TEST(has(beside.output, "a directory without a picture"), beside.output);
  BOOST_TEST(has(beside.output, good + "  "), beside.output);
  const Finished none = test::ebb("predict " + trained().run() + (trained().data.root / "empty").string());
  BOOST_TEST(none.status == 1);
  BOOST_TEST(has(none.output, "a directory without a picture"));
}

// As an evaluation counts it: no class follows from such logits.
BOOST_AUTO_TEST_CASE(a_network_of_numbers_that_are_not_finite_gives_no_class) {
  const std::filesystem::path file = trained().data.root / "nan.safetensors";
  TensorFile model = load_safetensors(trained().data.root / "run" / "model.safetensors");
  for (auto& entry : model.tensors) entry.second = Tensor::full(entry.second.shape(), std::nan(""));
  save_safetensors(file, model.tensors, model.metadata);
  for (const std::string format : {"", "--json", "--csv", "--probabilities"}) {
    const Finished said =
        test::ebb("predict " + file.string() + ' ' + (trained().folder() / "1000.png").string() + ' ' + format);
    BOOST_TEST(said.status == 1, format);
    BOOST_TEST(has(said.output, "1000.png] got logits that are not finite"), said.output);
    BOOST_TEST(!has(said.output, "1000.png,"), said.output);
    BOOST_TEST(!has(said.output, "{"), said.output);
  }
}

// A name with a command for the terminal, as a file that came from elsewhere may have.
BOOST_AUTO_TEST_CASE(a_terminal_gets_nothing_that_it_would_obey) {
  const std::string name =
      "\x1b]0;title\x07\xc2\x9b"
      "31m.png";
  std::filesystem::copy_file(trained().folder() / "1000.png", trained().data.root / name);
  for (const std::string format : {"", "--json", "--csv"}) {
    const std::string command = text("cd ", trained().data.root.string(), " && ", test::program(), "predict run ",
                                     format, " \"$(printf '\\033]0;title\\007\\302\\23331m.png')\"");
    test::put_file(trained().data.root / "command.sh", command);
    const std::string script = (trained().data.root / "command.sh").string();
    const Finished terminal = test::shell("script -qec 'sh " + script + "' /dev/null");
    BOOST_REQUIRE_MESSAGE(terminal.status == 0, terminal.output);
    BOOST_TEST(has(terminal.output, "title"), terminal.output);
    BOOST_TEST(!has(terminal.output, "\x1b"), format);
    BOOST_TEST(!has(terminal.output, "\xc2\x9b"), format);
    const Finished piped = test::shell("sh " + script);
    BOOST_TEST(has(piped.output, name) == (format == "--csv"), format);
  }
}

BOOST_AUTO_TEST_CASE(all_forms_of_output) {
  const std::string picture = (trained().folder() / "1001.png").string(), run = "predict " + trained().run();
  const Finished csv = test::ebb(run + picture + " --csv --top 2");
  BOOST_TEST(has(csv.output, "picture,class,probability,class 2,probability 2\r\n"));
  BOOST_TEST(std::ranges::count(csv.output, '\n') == 2);
  const std::vector<nlohmann::json> three = lines_of(test::ebb(run + picture + " --json --top 3").output);
  BOOST_REQUIRE(three.size() == 1U);
  BOOST_TEST(three[0]["top"].size() == 3U);
  BOOST_TEST(three[0]["top"][0]["class"] == three[0]["class"]);
  BOOST_TEST((three[0]["top"][0]["probability"] >= three[0]["top"][1]["probability"]));
  const Finished piped = test::shell("(cat " + picture + " | " + test::program() + run + "- --json)");
  BOOST_TEST(piped.status == 0);
  const Finished both = test::ebb(run + picture + " --csv --json");
  BOOST_TEST(both.status != 0);
  for (const auto& [option, part] :
       std::vector<std::pair<std::string, std::string>>{{"--fit sideways", "crop, pad or stretch"},
                                                        {"--background reddish", "RRGGBB"},
                                                        {"--image 28x28", "28x28x1"},
                                                        {"--top 0", "top"},
                                                        {"--set lr=1,2", "lr"},
                                                        {"--size-limit 10", "at most 10"}}) {
    const Finished refused = test::ebb(run + picture + ' ' + option);
    BOOST_TEST(refused.status != 0, option);
    BOOST_TEST(has(refused.output, part), refused.output);
  }
}

BOOST_AUTO_TEST_CASE(transparent_pixels_are_seen_on_the_background_that_is_chosen) {
  const test::TemporaryDirectory place;
  // Grey 100 at alpha 0, and plain pictures of one grey value.
  test::Bytes rows;
  for (int y = 0; y < 28; ++y) {
    rows.push_back(std::byte{0});
    for (int x = 0; x < 28; ++x) rows.insert(rows.end(), {std::byte{100}, std::byte{0}});
  }
  test::put_file(place / "clear.png", test::png_file(test::png_header(28, 28, 8, 4), rows));
  const auto logits = [&](const std::string& name, const std::string& option) {
    const std::vector<nlohmann::json> lines = lines_of(
        test::ebb("predict " + trained().run() + (place / name).string() + " --json --probabilities" + option).output);
    BOOST_REQUIRE(lines.size() == 1U);
    return lines[0]["logits"];
  };
  const nlohmann::json usual = logits("clear.png", "");
  for (const auto& [option, value] :
       {std::pair{" --background white", 255}, {" --background black", 0}, {" --background 4b4B4b", 0x4B}}) {
    test::put_file(place / "plain.png", png(Tensor::full({28, 28, 1}, value, DType::u8)));
    BOOST_TEST(logits("clear.png", option) == logits("plain.png", ""), option);
    BOOST_TEST((logits("clear.png", option) == usual) == (value == 255), option);
  }
}

BOOST_AUTO_TEST_CASE(a_summary_says_what_a_file_is) {
  const Finished said = test::ebb("summary " + (trained().data.root / "run" / "model.safetensors").string());
  BOOST_TEST(said.status == 0);
  for (const char* const part :
       {"mlp", "hidden", "16", "28 x 28, grey", "10 classes", "0.1307", "mnist", "Linear 784 -> 16"})
    BOOST_TEST(has(said.output, part), said.output);
}

// As files of the first version are.
BOOST_AUTO_TEST_CASE(what_a_file_does_not_say_its_run_directory_says_or_an_option) {
  const test::TemporaryDirectory place;
  const std::filesystem::path run = place / "run", file = run / "model.safetensors",
                              alone = place / "alone.safetensors";
  std::filesystem::copy(trained().data.root / "run", run, std::filesystem::copy_options::recursive);
  const std::string picture = ' ' + (trained().folder() / "1000.png").string();
  const auto logits = [&](const std::string& arguments) {
    const std::vector<nlohmann::json> lines =
        lines_of(test::ebb("predict " + arguments + " --json --probabilities").output);
    return lines.size() == 1U ? lines[0] : nlohmann::json();
  };
  const nlohmann::json wanted = logits(run.string() + picture);
  BOOST_REQUIRE(wanted.contains("logits"));
  TensorFile model = load_safetensors(file);
  std::erase_if(model.metadata, [](const auto& entry) {
    return entry.first != "model" && entry.first != "data" && !entry.first.starts_with("pixel_");
  });
  BOOST_TEST(model.metadata.size() == 4U);
  for (const std::filesystem::path& to : {file, alone}) save_safetensors(to, model.tensors, model.metadata);
  BOOST_TEST(logits(run.string() + picture) == wanted);
  BOOST_TEST(logits(file.string() + picture) == wanted);
  model.metadata.erase("model");
  model.metadata.erase("data");
  save_safetensors(alone, model.tensors, model.metadata);
  std::string options = " --set hidden=16";
  for (const std::string option : {"--model mlp", "--image 28x28x1", "--classes 0,1,2,3,4,5,6,7,8,9"}) {
    const Finished refused = test::ebb("predict " + alone.string() + picture + options);
    BOOST_TEST(refused.status == 1);
    BOOST_TEST(has(refused.output, option.substr(0, option.find(' ') + 1)), refused.output);
    options += ' ' + option;
  }
  BOOST_TEST(logits(alone.string() + picture + options) == wanted);
}

// Digits are light on dark; a photograph of paper is the other way round.
BOOST_AUTO_TEST_CASE(pictures_far_from_the_data_are_told_of) {
  const ModelCard digits{
      .image = Shape{28, 28, 1}, .classes = {"0"}, .standardisation = PixelStatistics{{0.13}, {0.3}}};
  const auto sentences = [](FarPictures& far, const Tensor& picture) {
    std::string out;
    for (const std::string& sentence : far.look(picture, resize(with_channels(picture, 1), 28, 28), "a.png"))
      out += sentence + '\n';
    return out;
  };
  const auto filled = [](Shape shape, int value) { return Tensor::full(shape, value, DType::u8); };
  FarPictures far(digits);
  BOOST_TEST(sentences(far, filled({28, 28, 1}, 40)).empty());
  BOOST_TEST(sentences(far, filled({300, 200, 3}, 128)).empty());
  BOOST_TEST(has(sentences(far, filled({100, 100, 1}, 220)), "try --invert"));
  BOOST_TEST(sentences(far, filled({100, 100, 1}, 230)).empty());  // said once
  Tensor red = filled({50, 50, 3}, 0);
  for (std::int64_t i = 0; i < red.size(); i += 3) red.mutable_data<std::uint8_t>()[i] = 200;
  BOOST_TEST(has(sentences(far, red), "colour picture"));
  BOOST_TEST(has(sentences(far, filled({30, 90, 1}, 10)), "ends are cut off"));
  BOOST_TEST(has(sentences(far, filled({6, 7, 1}, 10)), "tiny"));
  // Means near one half say nothing.
  FarPictures colour(
      {.image = Shape{32, 32, 3}, .classes = {"0"}, .standardisation = PixelStatistics{{0.47, 0.5, 0.45}, {1, 1, 1}}});
  BOOST_TEST(colour.look(filled({32, 32, 3}, 250), filled({32, 32, 3}, 250), "b.png").empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::predict_command_test
