// What the event files of a run are compared with: its log and its diagnosis.
#pragma once

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "lab/diagnose/diagnostics.h"
#include "lab/runs/run_log.h"
#include "tests/lab/export/event_reader.h"

namespace ebb::test {

// The value of each step of a tag; fails where one stands twice.
inline std::map<std::int64_t, float> by_step(const ReadEvents& events, const std::string& tag) {
  std::map<std::int64_t, float> out;
  if (!events.scalars.contains(tag)) return out;
  for (const auto& [step, value] : events.scalars.at(tag)) BOOST_TEST(out.emplace(step, value).second, tag << step);
  return out;
}

// That the events have every line of the log, each once, and the float32 of its numbers.
inline void compare_with_log(const ReadEvents& events, const LogContents& log) {
  const auto loss = by_step(events, "loss/batch"), norm = by_step(events, log.steps[0].groups[0].name + "/weight_norm");
  BOOST_TEST(loss.size() == log.steps.size());
  BOOST_TEST(norm.size() == log.steps.size());
  for (const StepResult& step : log.steps) {
    BOOST_REQUIRE_MESSAGE(loss.contains(step.step), step.step);
    BOOST_TEST(loss.at(step.step) == static_cast<float>(step.loss));
    BOOST_TEST(norm.at(step.step) == static_cast<float>(step.groups[0].weight_norm));
  }
  const auto accuracy = by_step(events, "accuracy/test");
  BOOST_TEST(accuracy.size() == log.epochs.size());
  for (const EpochResult& epoch : log.epochs) {
    const std::int64_t at = log.ends.at(epoch.epoch);
    BOOST_REQUIRE_MESSAGE(accuracy.contains(at), at);
    BOOST_TEST(accuracy.at(at) == static_cast<float>(epoch.evaluation_accuracy));
  }
}

// That the events have every row of the diagnosis, each once, at the batch where its window ended.
inline void compare_with_rows(const ReadEvents& events, const std::vector<DiagnosisRow>& rows, const LogContents& log) {
  std::map<std::string, std::size_t> windows;
  for (const DiagnosisRow& row : rows) {
    ++windows[row.parameter];
    const std::string tag = "diagnosis." + row.parameter + '/';
    const std::int64_t at = log.windows.at(row.step);
    for (const auto& [column, value] : {std::pair{"norm", row.norm.median},
                                        {"norm_predicted", row.predicted_norm},
                                        {"angle", row.angle.median},
                                        {"drift", row.drift},
                                        {"at_rest", row.at_rest ? 1.0 : 0.0},
                                        {"left", row.left}}) {
      const auto shown = by_step(events, tag + column);
      BOOST_REQUIRE_MESSAGE(shown.contains(at) == std::isfinite(value), tag << column << ' ' << at);
      if (std::isfinite(value)) BOOST_TEST(shown.at(at) == static_cast<float>(value), tag << column << ' ' << at);
    }
  }
  for (const auto& [parameter, count] : windows)
    BOOST_TEST(by_step(events, "diagnosis." + parameter + "/norm").size() == count, parameter);
}

}  // namespace ebb::test
