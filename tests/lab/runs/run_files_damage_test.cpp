// Damaged files of a run directory: the log and the record of an evaluation, read as a second reader reads them, or
// refused.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "framework/tensor/error.h"
#include "lab/runs/evaluation_record.h"
#include "lab/runs/run_log.h"
#include "tests/support/allocations.h"
#include "tests/support/instrumented.h"
#include "tests/support/mutate.h"
#include "tests/support/temporary_directory.h"

namespace ebb {
namespace {

using Json = nlohmann::json;

// Numbers that compare as equal when both are none.
std::string shown(double x) { return std::isfinite(x) ? text(x) : "none"; }

std::string shown(const Json& line, const std::string& key) {
  const auto at = line.find(key);
  return at == line.end() || !at->is_number() ? "none" : shown(at->get<double>());
}

// What a log says, a word for each number, as the library understands it.
std::string understood(const LogContents& log) {
  std::string out;
  for (const StepResult& s : log.steps) {
    out += text("step ", s.step, ' ', s.epoch, ' ', shown(s.loss), ' ', shown(s.lr));
    for (const GroupMeasure& g : s.groups)
      out += text(' ', g.name, ' ', shown(g.lr), ' ', shown(g.lambda), ' ', shown(g.shrink), ' ', shown(g.weight_norm),
                  ' ', shown(g.gradient_norm));
    out += '\n';
  }
  for (const EpochResult& e : log.epochs)
    out += text("epoch ", e.epoch, ' ', shown(e.train_loss), ' ', shown(e.evaluation_accuracy), '\n');
  for (const TrainEvent& e : log.events) out += text(e.kind, ": ", e.text, '\n');
  return out;
}

// The same by a reader that trusts its file, line by line.
std::string naive(const std::string& contents) {
  std::vector<std::pair<std::int64_t, std::string>> steps, epochs;
  std::string events;
  std::istringstream lines(contents);
  for (std::string line; std::getline(lines, line);) {
    const Json json = Json::parse(line, nullptr, false);
    if (!json.is_object() || !json.contains("event") || !json["event"].is_string()) continue;
    const auto whole = [&](const char* key) { return json.contains(key) && json[key].is_number_integer(); };
    const std::string kind = json["event"];
    if (kind == "step") {
      if (!whole("step") || !whole("epoch") || !json.contains("groups")) continue;
      std::string out = text("step ", json["step"].get<std::int64_t>(), ' ', json["epoch"].get<std::int64_t>(), ' ',
                             shown(json, "loss"), ' ', shown(json, "lr"));
      bool complete = true;
      for (const Json& g : json["groups"]) {
        complete = complete && g.is_object() && g.contains("name") && g["name"].is_string();
        if (!complete) break;
        out += ' ' + g["name"].get<std::string>();
        for (const char* const key : {"lr", "lambda", "shrink", "weight_norm", "gradient_norm"})
          out += ' ' + shown(g, key);
      }
      if (complete) steps.emplace_back(json["step"].get<std::int64_t>(), out + '\n');
    } else if (kind == "epoch") {
      if (!whole("epoch")) continue;
      const std::string judged = json.contains("validation_loss") ? "validation_accuracy" : "test_accuracy";
      epochs.emplace_back(json["epoch"].get<std::int64_t>(),
                          text("epoch ", json["epoch"].get<std::int64_t>(), ' ', shown(json, "train_loss"), ' ',
                               shown(json, judged), '\n'));
    } else {
      if (kind == "resume" || kind == "rollback") {
        if (!whole("step") || !whole("epochs")) continue;
        std::erase_if(steps, [&](const auto& s) { return s.first > json["step"].get<std::int64_t>(); });
        std::erase_if(epochs, [&](const auto& e) { return e.first > json["epochs"].get<std::int64_t>(); });
      }
      if (json.contains("text") && json["text"].is_string())
        events += text(kind, ": ", json["text"].get<std::string>(), '\n');
    }
  }
  std::string out;
  for (const auto& step : steps) out += step.second;
  for (const auto& epoch : epochs) out += epoch.second;
  return out + events;
}

struct Log {
  test::TemporaryDirectory directory;
  std::filesystem::path path = directory / "log.jsonl";
  std::string whole;

  Log() {
    const Directory there(directory.path());
    RunLog log(there, "log.jsonl");
    for (std::int64_t step = 1; step <= 4; ++step) {
      const double x = 0.1 * static_cast<double>(step);
      std::vector<GroupMeasure> groups{{"no \"decay\"", x, 0, 0, 3, 0.5}, {"decayed", x, 5e-4, x * 5e-4, 7, 2 * x}};
      if (step > 1) groups.pop_back();
      log.step(
          {.step = step, .epoch = (step + 1) / 2, .loss = step == 4 ? std::nan("") : 1 / x, .lr = x, .groups = groups});
      if (step % 2 == 0) log.epoch({.epoch = step / 2, .lr = x, .train_loss = x, .train_accuracy = 0.5}, "test");
      if (step == 3) log.event("resume", "from step 2", 2, 1);
    }
    log.event("stop", "signal 2", 4, 2);
    std::ifstream file(path, std::ios::binary);
    whole.assign(std::istreambuf_iterator<char>(file), {});
  }

  // Whether the library reads what the second reader does; counts what was understood.
  bool agrees(const std::string& contents) {
    test::put_file(path, contents);
    const test::AllocationWatch watch;
    const std::string got = understood(read_log(path));
    if (watch.peak_bytes() > 64 * contents.size() + 65536) return false;
    changed += got != understood_whole ? 1 : 0;
    return got == naive(contents);
  }

  std::string understood_whole;
  int changed = 0;
};

EvaluationRecord record() {
  EvaluationRecord out{.data = "mnist",
                       .loss = 0.25,
                       .accuracy = 0.75,
                       .calibration_error = 0.125,
                       .classes = {"zero", "one", "t\"wo"},
                       .confusion = Confusion(3),
                       .worst = {{4, 1, 2, 0.875, "QUJD"}, {9, 0, 1, 0.5, ""}}};
  for (std::int64_t i = 0; i < 9; ++i) out.confusion.add(i / 3, i % 3, i);
  out.confusion.add(1, std::nullopt, 7);
  out.filters = FilterRecord{"2 of 6 filters", "QUJD"};
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(damaged_files_of_runs)

BOOST_FIXTURE_TEST_CASE(a_log_is_read_as_far_as_it_goes, Log) {
  BOOST_TEST(agrees(whole));
  understood_whole = understood(read_log(path));
  // 2 steps before the resume, 1 behind it.
  BOOST_TEST(understood_whole.find("step 3") == std::string::npos);
  BOOST_TEST(understood_whole.find("step 4 2") != std::string::npos);
  int wrong = 0;
  for (std::size_t n = 0; n <= whole.size(); ++n) wrong += agrees(whole.substr(0, n)) ? 0 : 1;
  BOOST_TEST(wrong == 0);
}

BOOST_FIXTURE_TEST_CASE(random_mutations_of_a_log, Log) {
  BOOST_REQUIRE(agrees(whole));
  understood_whole = understood(read_log(path));
  int wrong = 0;
  for (std::uint64_t seed = 0; seed < test::some_of(20'000U); ++seed) {
    test::Dice dice(seed);
    std::string damaged = whole;
    for (std::size_t n = 1 + dice.below(3); n > 0; --n) test::mutate_json(damaged, dice);
    if (dice.chance(30)) {
      test::Bytes bytes = test::bytes_of(damaged);
      test::mutate_bytes(bytes, dice);
      damaged = test::text_of(bytes);
    }
    wrong += agrees(damaged) ? 0 : 1;
  }
  BOOST_TEST(wrong == 0);
  BOOST_TEST(changed > test::some_of(10'000));
}

BOOST_AUTO_TEST_CASE(records_of_evaluations) {
  const std::string whole = to_json(record());
  const auto read = [](const std::string& json) -> std::optional<std::string> {
    try {
      const test::AllocationWatch watch;
      const EvaluationRecord got = record_from_json(json, "damaged");
      BOOST_TEST(watch.peak_bytes() < 64 * json.size() + 65536);
      return to_json(got);
    } catch (const Error&) {
      return std::nullopt;
    }
  };
  BOOST_TEST((read(whole) == whole));
  for (std::size_t n = 0; n + 1 < whole.size(); ++n) BOOST_TEST(!read(whole.substr(0, n)).has_value());
  int readable = 0, wrong = 0;
  for (std::uint64_t seed = 0; seed < test::some_of(20'000U); ++seed) {
    test::Dice dice(seed);
    std::string damaged = whole;
    for (std::size_t n = 1 + dice.below(2); n > 0; --n) test::mutate_json(damaged, dice);
    const std::optional<std::string> got = read(damaged);
    if (!got) continue;
    ++readable;
    // What was read stands in the file: every member that a record has, at its place.
    const Json wanted = Json::parse(damaged, nullptr, false), is = Json::parse(*got);
    for (const char* const key :
         {"data", "loss", "accuracy", "calibration_error", "classes", "confusion", "unpredicted"})
      if (std::string(key) == "unpredicted" && !wanted.contains(key) ? is[key] != Json{0, 0, 0}
                                                                     : !wanted.contains(key) || wanted[key] != is[key])
        ++wrong;
    if (wanted["worst"].size() != is["worst"].size()) ++wrong;
    if (wanted.contains("filters") != is.contains("filters") ||
        (is.contains("filters") && wanted["filters"]["says"] != is["filters"]["says"]))
      ++wrong;
  }
  BOOST_TEST(wrong == 0);
  BOOST_TEST(readable > test::some_of(500));
  BOOST_TEST(readable < test::some_of(19'000));
}

BOOST_AUTO_TEST_CASE(records_that_are_not_finite_are_read_back) {
  EvaluationRecord bad = record();
  bad.loss = bad.calibration_error = bad.worst[0].confidence = std::nan("");
  const EvaluationRecord got = record_from_json(to_json(bad), "bad");
  BOOST_TEST(std::isnan(got.loss));
  BOOST_TEST(std::isnan(got.calibration_error));
  BOOST_TEST(std::isnan(got.worst[0].confidence));
  BOOST_TEST(got.confusion.unpredicted(1) == 7);
  // Records of earlier versions do not say how many samples had no prediction.
  Json old = Json::parse(to_json(bad));
  old.erase("unpredicted");
  BOOST_TEST(record_from_json(old.dump(), "old").confusion.unpredicted() == 0);
  old.erase("filters");
  BOOST_TEST(!record_from_json(old.dump(), "old").filters.has_value());
  old["unpredicted"] = {1, 2};
  BOOST_CHECK_THROW(record_from_json(old.dump(), "old"), Error);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb
