// Event files of trainings that were killed again and again.
#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "tests/lab/export/events_of_a_run.h"
#include "tests/lab/program.h"
#include "tests/support/instrumented.h"
#include "tests/support/temporary_directory.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;
using test::Finished;
using test::ReadEvents;

// A run that is killed on its way again and again, and goes on each time.
struct Killed {
  Killed(int kills, int count) : epochs(count) {
    kill_on_the_way(data.train("run", text("--epochs ", epochs,
                                           " --model lenet --diagnose --set tensorboard=true --set log_every=1 "
                                           "--set save_steps=4 --set save_minutes=0")));
    for (int i = 1; i < kills; ++i) kill_on_the_way(data.resume("run"));
    const Finished last = test::ebb(data.resume("run"));
    BOOST_REQUIRE_MESSAGE(last.status == 0, last.output);
    log = read_log(data.root / "run/log.jsonl");
  }
  // Kills the program once it has added some lines to the log.
  void kill_on_the_way(const std::string& arguments) const {
    const auto lines = text("$(cat ", (data.root / "run/log.jsonl").string(), " 2>/dev/null | wc -l)");
    test::shell(text("end=$((", lines, " + 13)); env ", test::program(), arguments, " & p=$!; i=0; while [ ", lines,
                     " -lt $end ] && [ $i -lt 2000 ] && kill -0 $p; do sleep 0.01; i=$((i + 1)); done; kill -9 $p; ",
                     "wait $p"));
  }
  // Whatever the moments, no step stands twice and none is missing.
  void check(int kills) const {
    BOOST_TEST(static_cast<int>(log.steps.size()) == 10 * epochs);
    const ReadEvents events = test::read_events(data.root / "run/tensorboard");
    BOOST_TEST(events.restarts == kills);
    test::compare_with_log(events, log);
    test::compare_with_rows(events,
                            diagnosis_from_csv(test::read(data.root / "run/diagnostics.csv"), "diagnostics.csv"), log);
    BOOST_TEST(static_cast<int>(events.histograms.at("weights/conv1.weight").size()) == epochs);
  }
  int epochs;
  test::SmallData data{200};
  LogContents log;
};

BOOST_AUTO_TEST_SUITE(tensorboard_kills)

BOOST_AUTO_TEST_CASE(kills_and_resumes_leave_every_step_once) {
  if (test::instrumented) return;
  Killed(6, 12).check(6);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(tensorboard_slow)

// TensorBoard's own reader; skipped where it is not installed, EBB_TENSORBOARD_PYTHON names a Python that has it.
BOOST_AUTO_TEST_CASE(tensorboard_reads_a_run_of_twenty_kills) {
  if (test::instrumented) return;
  const Killed run(20, 40);
  run.check(20);
  nlohmann::json expected{{"histograms", {{"weights/conv1.weight", 150}, {"weights/fc1.weight", 48000}}}};
  nlohmann::json& scalars = expected["scalars"];
  for (const StepResult& step : run.log.steps) {
    scalars["loss/batch"].push_back(nlohmann::json::array({step.step, step.loss}));
    for (const GroupMeasure& group : step.groups) {
      scalars[group.name + "/weight_norm"].push_back(nlohmann::json::array({step.step, group.weight_norm}));
      scalars[group.name + "/gradient_norm"].push_back(nlohmann::json::array({step.step, group.gradient_norm}));
      scalars[group.name + "/lr"].push_back(nlohmann::json::array({step.step, group.lr}));
    }
  }
  for (const EpochResult& epoch : run.log.epochs)
    scalars["accuracy/test"].push_back(
        nlohmann::json::array({run.log.ends.at(epoch.epoch), epoch.evaluation_accuracy}));
  const fs::path file = run.data.root / "expected.json";
  test::put_file(file, expected.dump());
  const char* const python = std::getenv("EBB_TENSORBOARD_PYTHON");
  const Finished judged = test::shell(text(python != nullptr ? python : "python3", " -B ", EBB_SOURCE_DIR,
                                           "/tests/golden/tensorboard_check.py ",
                                           (run.data.root / "run/tensorboard").string(), ' ', file.string()));
  BOOST_TEST_MESSAGE(judged.output);
  BOOST_TEST((judged.status == 0 || judged.status == 77), judged.output);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
