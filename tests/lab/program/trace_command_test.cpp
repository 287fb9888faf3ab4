// `ebb train --trace`: a file that Chrome reads, and no file lost for it.
#include <algorithm>

#include "tests/lab/program.h"
#include "tests/support/instrumented.h"

namespace ebb {
namespace {

using test::Finished;
using test::has;
using test::SmallData;

BOOST_FIXTURE_TEST_SUITE(trace_command, SmallData)

BOOST_AUTO_TEST_CASE(a_training_leaves_a_trace_beside_the_same_weights) {
  const std::string file = (root / "new" / "trace.json").string();
  const Finished traced = test::ebb(train("traced", "--epochs 2 --set save_steps=5 --trace-steps 3 --trace " + file));
  BOOST_REQUIRE_MESSAGE(traced.status == 0, traced.output);
  BOOST_TEST(has(traced.output, "trace in " + file), traced.output);
  const nlohmann::json trace = nlohmann::json::parse(test::read(file));
  const auto count = [&](const std::string& name) {
    return std::ranges::count_if(trace.at("traceEvents"),
                                 [&](const auto& event) { return event.value("name", "") == name; });
  };
  BOOST_TEST(count("step 3") == 1);
  BOOST_TEST(count("step 4") == 0);
  BOOST_TEST(count("optimizer") == 3);
  BOOST_TEST(count("evaluation") == 2);
  BOOST_TEST(count("checkpoint") >= 2);
  BOOST_TEST(count("conv2d") == 12);  // two layers, three steps, both ways
  BOOST_REQUIRE(test::ebb(train("plain", "--epochs 2 --set save_steps=5")).status == 0);
  BOOST_TEST(summary("traced")["weights_sha256"] == summary("plain")["weights_sha256"]);
}

BOOST_AUTO_TEST_CASE(no_file_is_lost_for_a_trace) {
  const std::string file = (root / "mine").string();
  std::ofstream(file) << "mine";
  const Finished refused = test::ebb(train("run", "--epochs 1 --trace " + file));
  BOOST_TEST(refused.status == 1);
  BOOST_TEST(has(refused.output, "--overwrite"), refused.output);
  BOOST_TEST(!std::filesystem::exists(root / "run"));
  BOOST_TEST(test::read(file) == "mine");
  BOOST_TEST(test::ebb(train("run", "--epochs 1 --overwrite --trace " + file)).status == 0);
  BOOST_TEST(nlohmann::json::parse(test::read(file)).contains("traceEvents"));
  const std::vector<std::string> wrong{"--trace " + root.string(), "--trace " + file + "/below", "--trace /proc/trace",
                                       "--trace-steps 0 --trace " + file + "2",
                                       "--trace-steps 1001 --trace " + file + "2"};
  for (const std::string& arguments : wrong) {
    const Finished said = test::ebb(train("other", "--epochs 1 " + arguments));
    BOOST_TEST(said.status != 0, arguments << said.output);
    BOOST_TEST(!std::filesystem::exists(root / "other"), arguments);
  }
}

// Whenever it comes, and also where it comes twice, which ends the program at once.
BOOST_AUTO_TEST_CASE(a_signal_leaves_a_whole_trace_or_none) {
  const std::filesystem::path traces = root / "traces", file = traces / "trace.json";
  const std::string arguments =
      train("run", "--epochs 12 --set save_steps=7 --trace-steps 1000 --trace " + file.string());
  for (const std::string signal : {"--foreground -s INT", "--foreground -s TERM", "-s TERM", "-s KILL"}) {
    int stopped = 0, ended = 0;
    constexpr double most = test::instrumented ? 200 : 60, times = test::instrumented ? 3 : 1.6;
    for (double seconds = 0.03; seconds < most && ended == 0; seconds *= times) {
      for (const std::filesystem::path& old : {traces, root / "run"}) std::filesystem::remove_all(old);
      const Finished run =
          test::shell(text("timeout --preserve-status ", signal, ' ', seconds, " env ", test::program(), arguments));
      const std::string said = text(signal, " after ", seconds, " s: ", run.output), trace = test::read(file);
      const bool there = std::filesystem::exists(file);
      if (there) BOOST_TEST(nlohmann::json::accept(trace), said);
      // The first signal ends a training at the next step, and its trace has all steps up to there.
      const std::size_t at = run.output.find("stopped by signal");
      if (at != std::string::npos && has(signal, "foreground")) {
        ++stopped;
        const std::string after = "after batch ";
        const std::size_t number = run.output.find(after, at) + after.size();
        const std::string step = text("\"step ", std::stoi(run.output.substr(number)), '"');
        BOOST_TEST((there && (step == "\"step 0\"" || has(trace, step))), said);
        BOOST_TEST(has(run.output, "trace in "), said);
      }
      if (!has(signal, "KILL") && std::filesystem::exists(traces))
        for (const auto& entry : std::filesystem::directory_iterator(traces))
          BOOST_TEST(entry.path().filename().string() == "trace.json", said);
      if (run.status != 0) continue;
      ++ended;
      BOOST_TEST(there, said);
    }
    BOOST_TEST(ended == 1, signal);
    BOOST_TEST((stopped > 0 || !has(signal, "foreground")), signal);
  }
}

BOOST_AUTO_TEST_CASE(a_training_that_goes_on_leaves_one_too) {
  const std::string file = (root / "trace.json").string();
  BOOST_REQUIRE(test::ebb(train("run", "--epochs 2")).status == 0);
  std::filesystem::remove(root / "run/checkpoints/step-00000040.safetensors");
  const std::string whole = summary("run")["weights_sha256"].get<std::string>();
  std::ofstream(file) << "mine";
  const std::string log = test::read(root / "run/log.jsonl");
  for (const std::string& arguments : {"--trace " + file, "--overwrite --trace " + (root / "run/log.jsonl").string()}) {
    const Finished refused = test::ebb(resume("run", arguments));
    BOOST_TEST(refused.status == 1);
    BOOST_TEST(test::read(file) == "mine");
    BOOST_TEST(test::read(root / "run/log.jsonl") == log);
  }
  const Finished resumed = test::ebb(resume("run", "--overwrite --trace-steps 2 --trace " + file));
  BOOST_REQUIRE_MESSAGE(resumed.status == 0, resumed.output);
  BOOST_TEST(has(resumed.output, "trace in " + file), resumed.output);
  const std::string trace = test::read(file);
  BOOST_TEST(nlohmann::json::parse(trace).contains("traceEvents"));
  for (const auto& [step, there] :
       {std::pair{"step 20", false}, {"step 21", true}, {"step 22", true}, {"step 23", false}})
    BOOST_TEST(has(trace, text('"', step, '"')) == there, step);
  BOOST_TEST(summary("run")["weights_sha256"].get<std::string>() == whole);
  BOOST_TEST(test::ebb(resume("run", "--overwrite")).status != 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
