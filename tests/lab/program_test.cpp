// The program as a person runs it, on a small data set that the test writes.
#include <sys/wait.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "framework/tensor/error.h"
#include "framework/tensor/random.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

struct Finished {
  int status = -1;
  std::string output;  // standard output and error
};

Finished run(const std::string& arguments) {
  Finished result;
  std::FILE* const pipe = popen((std::string(EBB_PROGRAM) + ' ' + arguments + " 2>&1 </dev/null").c_str(), "r");
  BOOST_REQUIRE(pipe != nullptr);
  std::array<char, 4096> part{};
  for (std::size_t n = 0; (n = std::fread(part.data(), 1, part.size(), pipe)) > 0;)
    result.output.append(part.data(), n);
  const int status = pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

void big_endian(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
}

// Ten classes: class c is a bright bar in rows 2c .. 2c+3 over noise.
void write_idx(const fs::path& directory, const std::string& stem, std::uint32_t count, const Rng& rng) {
  std::string images;
  std::string labels;
  for (const std::uint32_t word : {2051u, count, 28u, 28u}) big_endian(images, word);
  for (const std::uint32_t word : {2049u, count}) big_endian(labels, word);
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto label = static_cast<std::uint32_t>(rng.at("labels").below(10, i));
    labels += static_cast<char>(label);
    for (std::uint32_t p = 0; p < 784; ++p) {
      const std::uint32_t row = p / 28;
      const auto noise = rng.below(60, std::uint64_t{i} * 784 + p);
      images += static_cast<char>(noise + (row >= 2 * label && row < 2 * label + 4 ? 180 : 0));
    }
  }
  std::ofstream(directory / (stem + "-images-idx3-ubyte"), std::ios::binary) << images;
  std::ofstream(directory / (stem + "-labels-idx1-ubyte"), std::ios::binary) << labels;
}

struct SmallData {
  SmallData() : root(fs::temp_directory_path() / text("ebb-program-test-", getpid())) {
    fs::create_directories(root / "data");
    write_idx(root / "data", "train", 400, Rng(1));
    write_idx(root / "data", "t10k", 100, Rng(2));
  }
  ~SmallData() { fs::remove_all(root); }
  std::string train(const std::string& out, const std::string& more) const {
    return "train mnist --data " + (root / "data").string() + " --batch 20 --out " + (root / out).string() + ' ' + more;
  }
  nlohmann::json summary(const std::string& out) const {
    std::ifstream file(root / out / "summary.json");
    return nlohmann::json::parse(file);
  }
  fs::path root;
};

BOOST_FIXTURE_TEST_SUITE(program, SmallData)

BOOST_AUTO_TEST_CASE(a_training_reports_and_leaves_its_results) {
  const Finished done = run(train("run", "--epochs 3 --lr 0.05 --seed 4 --threads 2"));
  BOOST_TEST_INFO(done.output);
  BOOST_REQUIRE(done.status == 0);
  for (const char* const part :
       {" kernels, 2 threads", "mnist: 400 training and 100 test images of [28, 28, 1]", "61,706", "no decay",
        "decoupled_lr 5e-04", "images/s", "most often taken for", "test accuracy"})
    BOOST_TEST(has(done.output, part), "no \"" << part << "\" in\n" << done.output);
  BOOST_TEST(!has(done.output, "\r"), "a progress line where there is no terminal");
  const nlohmann::json json = summary("run");
  BOOST_TEST(json.at("test_accuracy").get<double>() > 0.9);
  BOOST_TEST(json.at("test_loss").get<double>() > 0);
  BOOST_TEST(json.at("images_per_s").get<double>() > 0);
  BOOST_TEST(json.at("seconds").get<double>() > 0);
  BOOST_TEST(json.at("epochs").get<int>() == 3);
  BOOST_TEST(json.at("steps").get<int>() == 60);
  BOOST_TEST(json.at("seed").get<int>() == 4);
  BOOST_TEST(json.at("threads").get<int>() == 2);
  BOOST_TEST(!json.at("instruction_set").get<std::string>().empty());
  BOOST_TEST(json.at("weights_sha256").get<std::string>().size() == 64u);
  BOOST_TEST(json.at("curve").size() == 3u);
  BOOST_TEST(fs::file_size(root / "run" / "model.safetensors") > 61706u * 4);
  BOOST_TEST(fs::file_size(root / "run" / "recipe.toml") > 100u);
}

BOOST_AUTO_TEST_CASE(equal_seeds_give_equal_weights_on_any_number_of_threads) {
  std::set<std::string> hashes;
  for (const int threads : {1, 2, 3}) {
    const std::string out = text("threads-", threads);
    BOOST_REQUIRE(run(train(out, text("--epochs 1 --threads ", threads))).status == 0);
    hashes.insert(summary(out).at("weights_sha256").get<std::string>());
  }
  BOOST_TEST(hashes.size() == 1u);
  BOOST_REQUIRE(run(train("other", "--epochs 1 --seed 2")).status == 0);
  BOOST_TEST(hashes.count(summary("other").at("weights_sha256").get<std::string>()) == 0u);
}

BOOST_AUTO_TEST_CASE(the_recipe_that_a_run_leaves_gives_the_run_again) {
  BOOST_REQUIRE(run(train("first", "--epochs 1 --set decay=coupled_l2 --set lambda=0.01")).status == 0);
  const Finished again =
      run("train " + (root / "first" / "recipe.toml").string() + " --out " + (root / "second").string());
  BOOST_TEST_INFO(again.output);
  BOOST_REQUIRE(again.status == 0);
  BOOST_TEST(summary("first").at("weights_sha256") == summary("second").at("weights_sha256"));
}

BOOST_AUTO_TEST_CASE(bad_input_is_named_and_ends_with_status_one) {
  const auto fails_with = [&](const std::string& arguments, const std::string& part) {
    const Finished done = run(arguments);
    BOOST_TEST(done.status == 1, arguments << " ended with " << done.status);
    BOOST_TEST(has(done.output, part), "no \"" << part << "\" in\n" << done.output);
  };
  fails_with("train mnits", "did you mean \"mnist\"?");
  fails_with("train mnist --data /nowhere", "/nowhere");
  fails_with(train("x", "--set epoch=3"), "did you mean \"epochs\"?");
  fails_with(train("x", "--set epochs"), "key=value");
  fails_with(train("x", "--model lenett"), "did you mean \"lenet\"?");
  fails_with(train("x", "--lr fast"), "[lr] got \"fast\"");
  fails_with(train("x", "--threads 5000"), "[threads]");
  fails_with(train("x", "--epochs 1 --lr 1e30"), "a loss of");
  std::ofstream(root / "file") << "not a directory";
  fails_with(train("file/run", "--epochs 0"), "run directory");
  BOOST_TEST(run("").status != 0);
  BOOST_TEST(has(run("train --help").output, "Keys of --set"));
}

BOOST_AUTO_TEST_CASE(a_recipe_can_be_printed_without_training) {
  const Finished done = run("train fashion-mnist --print-recipe --set momentum=0.5");
  BOOST_TEST(done.status == 0);
  BOOST_TEST(has(done.output, "momentum = 0.5"));
  BOOST_TEST(has(done.output, "epochs = 10"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
