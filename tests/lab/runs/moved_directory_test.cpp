// A run directory that is moved or removed while it is trained in, and another one in its place.
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <functional>
#include <thread>

#include "tests/lab/program.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;
using test::Finished;
using test::has;
using test::SmallData;

struct Moved : SmallData {
  Moved() : SmallData(60) {}

  // Trains in the directory "run"; `act` comes behind its second epoch.
  Finished disturbed(const std::function<void()>& act) const {
    Finished done;
    std::thread program([&] {
      done = test::ebb(train("run", "--epochs 150 --threads 1 --model mlp --set hidden=4 --set schedule=constant"));
    });
    const fs::path log = root / "run" / "log.jsonl";
    for (int i = 0; i < 6000 && !has(test::read(log), "\"event\":\"epoch\",\"epoch\":2,"); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const bool in_time = !fs::exists(root / "run" / "summary.json");
    act();
    program.join();
    BOOST_REQUIRE(in_time);
    return done;
  }

  // What a stranger has in the place of the run.
  void put_stranger() const {
    fs::create_directories(root / "run" / "checkpoints");
    std::ofstream(root / "run" / "log.jsonl") << "a stranger's log\n";
  }
  bool stranger_is_alone() const {
    int entries = 0;
    for ([[maybe_unused]] const auto& entry : fs::recursive_directory_iterator(root / "run")) ++entries;
    return entries == 2 && test::read(root / "run" / "log.jsonl") == "a stranger's log\n";
  }
};

BOOST_FIXTURE_TEST_SUITE(moved_directories, Moved)

BOOST_AUTO_TEST_CASE(a_moved_one_takes_its_results_along) {
  const Finished done = disturbed([&] {
    fs::rename(root / "run", root / "elsewhere");
    put_stranger();
  });
  const std::string place = (root / "elsewhere").string();
  BOOST_TEST(done.status == 0, done.output);
  BOOST_TEST(
      has(done.output, "warning: the run directory " + (root / "run").string() + " was moved: files go to " + place));
  BOOST_TEST(has(done.output, "results in " + place + "\n"), done.output);
  BOOST_TEST(has(test::read(root / "elsewhere" / "log.jsonl"), "was moved: files go to "));
  BOOST_TEST(has(test::read(root / "elsewhere" / "log.jsonl"), "\"event\":\"epoch\",\"epoch\":150,"));
  BOOST_TEST(summary("elsewhere").at("epochs") == 150);
  for (const char* const name : {"model.safetensors", "evaluation.json", "report.html"})
    BOOST_TEST(fs::exists(root / "elsewhere" / name), name);
  BOOST_TEST(stranger_is_alone());
  // There the run is complete.
  BOOST_TEST(test::ebb(resume("elsewhere")).status == 0);
}

BOOST_AUTO_TEST_CASE(a_removed_one_costs_no_result_that_can_be_said) {
  const Finished done = disturbed([&] {
    std::error_code error;
    for (int i = 0; i < 1000 && fs::exists(root / "run"); ++i) fs::remove_all(root / "run", error);
    put_stranger();
  });
  BOOST_TEST(done.status == 1, done.output);
  BOOST_TEST(
      has(done.output, "warning: the run directory " + (root / "run").string() + " was removed: nothing of this"));
  BOOST_TEST(has(done.output, "test accuracy "), done.output);
  BOOST_TEST(has(done.output, "after 150 epochs"), done.output);
  BOOST_TEST(has(done.output, "[" + (root / "run").string() + "] got a run directory that was removed while training"));
  BOOST_TEST(!has(done.output, "results in "), done.output);
  BOOST_TEST(stranger_is_alone());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
