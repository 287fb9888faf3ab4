// The sentences of "What decay did", from rows whose numbers are known.
#include <boost/test/unit_test.hpp>

#include "lab/reports/run_sections.h"
#include "tests/lab/program.h"

namespace ebb {
namespace {

using test::has;

DiagnosisRow filter(const char* name, std::int64_t window, bool at_rest) {
  DiagnosisRow row;
  row.step = 100 * window;
  row.epoch = window;
  row.parameter = name;
  row.position = "feeds_norm";
  row.role = "weight";
  row.values = 72;
  row.lambda = 0.1;
  row.norm = row.gradient = row.relative_gradient = {.median = 0.9, .low = 0.8, .high = 1};
  row.angle = {.median = 1.26, .low = 1, .high = 2};
  row.effective_lr = {.median = 0.5, .low = 0.4, .high = 0.6};
  row.predicted_norm = 1;
  row.predicted_angle = 1.5;
  row.doubled_norm = 0.84;
  row.doubled_angle = 2.26;
  row.norm_ratio = {.median = 0.9, .low = 0.8, .high = 1};
  row.relaxation = 80;
  row.at_rest = at_rest;
  return row;
}

DiagnosisRow other(const char* name, const char* position, std::int64_t window, double lambda) {
  DiagnosisRow row = filter(name, window, false);
  row.position = position;
  row.values = 10;
  row.lambda = lambda;
  row.predicted_norm = row.predicted_angle = DiagnosisRow::missing;
  return row;
}

std::string section(const std::vector<DiagnosisRow>& rows) {
  RunData run;
  run.diagnosis = rows;
  return diagnosis_section(run).content;
}

BOOST_AUTO_TEST_SUITE(diagnosis_sections)

BOOST_AUTO_TEST_CASE(say_on_which_weights_decay_acts) {
  const DiagnosisRow conv = filter("conv", 1, true), fc = other("fc", "head", 1, 0.1), bn = other("bn", "plain", 1, 0);
  const std::string all = section({conv, bn, fc});
  BOOST_TEST(has(all, "Decay acts on 1 parameter with 72 numbers in front of a norm, "), all);
  BOOST_TEST(has(all, ", and on 1 parameter with 10 numbers elsewhere"), all);
  BOOST_TEST(has(all, ". 1 parameter with 10 numbers is not decayed."), all);
  const std::string both = section({conv, fc});
  BOOST_TEST(!has(both, "not decayed"), both);
  BOOST_TEST(!has(both, "0 parameters"), both);
  const std::string function = section({fc, bn, bn});
  BOOST_TEST(has(function, "Decay acts on 1 parameter with 10 numbers elsewhere"), function);
  BOOST_TEST(has(function, "2 parameters with 20 numbers are not decayed."), function);
  BOOST_TEST(has(section({bn}), "Decay acts on no parameter."));
}

BOOST_AUTO_TEST_CASE(say_since_when_all_filters_are_at_equilibrium) {
  const auto of = [](const std::vector<std::pair<bool, bool>>& windows) {
    std::vector<DiagnosisRow> rows;
    for (const auto& [a, b] : windows) {
      const auto window = static_cast<std::int64_t>(rows.size() / 2) + 1;
      rows.push_back(filter("a", window, a));
      rows.push_back(filter("b", window, b));
    }
    return section(rows);
  };
  BOOST_TEST(has(of({{true, true}, {true, true}}), "at equilibrium since epoch 1:"));
  BOOST_TEST(has(of({{true, true}, {false, true}, {true, true}}), "at equilibrium since epoch 3:"));
  BOOST_TEST(has(of({{true, false}, {true, false}, {true, true}, {true, true}}), "at equilibrium since epoch 3:"));
  BOOST_TEST(has(of({{false, false}, {false, true}, {true, true}}), "at equilibrium since epoch 3:"));
  const std::string moving = of({{true, true}, {false, true}});
  BOOST_TEST(has(moving, "1 of 2 layers are, and at these settings it takes 80 steps"), moving);
  BOOST_TEST(!has(moving, "since epoch"), moving);
}

BOOST_AUTO_TEST_CASE(say_how_far_from_the_prediction_filters_are_and_what_doubling_lambda_does) {
  const std::string all = section({filter("a", 1, true)});
  BOOST_TEST(has(all, "They end at 0.9 of the predicted norm and turn by 1.3° a step (predicted: 1.5°)"), all);
  BOOST_TEST(has(all, "effective learning rate of their directions is 0.5"), all);
  BOOST_TEST(has(all, "turn by 2.3° a step in place of 1.5° and rest at a norm of 0.84 in place of the predicted 1"),
             all);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
