// The sentences of "What decay did", from rows whose numbers are known.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "lab/reports/plot.h"
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
  row.lr = 0.1;
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
  row.drift = at_rest ? 0.02 : -0.14;
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

BOOST_AUTO_TEST_CASE(a_part_of_a_joint_scale_that_alone_decays_is_one_that_the_function_feels) {
  DiagnosisRow one = filter("one", 1, true), two = filter("two", 1, true);
  one.joint = two.joint = 2;
  const std::string whole = section({one, two});
  BOOST_TEST(has(whole, "Decay acts on 2 parameters with 144 numbers in front of a norm, "), whole);
  two.lambda = 0;
  const std::string parted = section({one, two, filter("own", 1, true)});
  BOOST_TEST(has(parted, "Decay acts on 1 parameter with 72 numbers in front of a norm, "), parted);
  BOOST_TEST(has(parted, ", and on 1 parameter with 72 numbers elsewhere"), parted);
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
  BOOST_TEST(
      has(of({{true, true}, {true, true}}),
          "at equilibrium since epoch 1: decay takes what updates add to their norm; the relaxation time, in which "
          "63 % of a distance from it goes, is 80 steps."));
  BOOST_TEST(has(of({{true, true}, {false, true}, {true, true}}), "at equilibrium since epoch 3:"));
  BOOST_TEST(has(of({{true, false}, {true, false}, {true, true}, {true, true}}), "at equilibrium since epoch 3:"));
  BOOST_TEST(has(of({{false, false}, {false, true}, {true, true}}), "at equilibrium since epoch 3:"));
  const std::string moving = of({{true, true}, {false, true}});
  BOOST_TEST(has(moving, "<p>1 of 2 layers of filters, the weights in front of a norm, are at equilibrium, where "),
             moving);
  BOOST_TEST(
      has(moving, "; at these settings the relaxation time, in which 63 % of a distance from it goes, is 80 steps."),
      moving);
  BOOST_TEST(!has(moving, "too few or too briefly"), moving);
  BOOST_TEST(!has(moving, "since epoch"), moving);
}

BOOST_AUTO_TEST_CASE(one_layer_that_moves_in_one_window_does_not_restart_the_clock) {
  std::vector<DiagnosisRow> rows;
  for (std::int64_t window = 1; window <= 12; ++window)
    for (const char* const name : {"a", "b", "c"})
      rows.push_back(filter(name, window, window > 2 && !(window == 8 && name[0] == 'b')));
  BOOST_TEST(has(section(rows), "at equilibrium since epoch 3:"), section(rows));
  BOOST_TEST(!has(section(rows), "Not at rest at the end"));
  // Of twenty layers one may move at the end, and is named; three may not.
  const auto of = [](int moving) {
    std::vector<DiagnosisRow> out;
    for (std::int64_t window = 1; window <= 2; ++window)
      for (int layer = 0; layer < 20; ++layer)
        out.push_back(filter(text("conv", layer).c_str(), window, layer >= moving || window == 1));
    return section(out);
  };
  BOOST_TEST(has(of(1), "at equilibrium since epoch 1:"), of(1));
  BOOST_TEST(has(of(1), "Not at rest at the end: conv0 (0.14)."), of(1));
  for (const int moving : {3, 5}) {
    const std::string said = text("<p>", 20 - moving, " of 20 layers of filters, ");
    BOOST_TEST(has(of(moving), said), of(moving));
    BOOST_TEST(has(of(moving), "norm, too few or too briefly to name an epoch since when; at these settings "),
               of(moving));
  }
  BOOST_TEST(!has(of(6), "too few or too briefly"), of(6));
  BOOST_TEST(has(of(7), "end: conv0 (0.14), conv1 (0.14), conv2 (0.14), conv3 (0.14), conv4 (0.14) and 2 more."),
             of(7));
}

// A window much shorter than the relaxation time is noise.
BOOST_AUTO_TEST_CASE(layers_are_at_rest_at_the_end_by_the_last_relaxation_time) {
  const auto of = [](double relaxation, const std::vector<std::int64_t>& moving) {
    std::vector<DiagnosisRow> rows;
    for (std::int64_t window = 1; window <= 12; ++window)
      for (const char* const name : {"a", "b", "c"}) {
        const bool moves = std::ranges::find(moving, window) != moving.end() && name[0] == 'b';
        rows.push_back(filter(name, window, window > 3 && !moves));
        rows.back().relaxation = relaxation;
      }
    return section(rows);
  };
  BOOST_TEST(has(of(400, {12}), "at equilibrium since epoch 4:"), of(400, {12}));  // one of twelve
  BOOST_TEST(!has(of(400, {12}), "Not at rest at the end"));
  BOOST_TEST(!has(of(100, {12}), "since epoch 4"), of(100, {12}));  // one window is a whole relaxation time then
  BOOST_TEST(has(of(400, {11, 12}), "<p>2 of 3 layers of filters"), of(400, {11, 12}));
  BOOST_TEST(has(of(400, {11, 12}), "Not at rest at the end: b (0.14)."), of(400, {11, 12}));
}

BOOST_AUTO_TEST_CASE(a_drift_that_is_barely_too_large_is_not_shown_as_what_counts_as_rest) {
  DiagnosisRow row = filter("conv", 1, false);
  row.drift = -0.1031;
  BOOST_TEST(has(section({row}), "conv (0.103). In brackets"), section({row}));
}

BOOST_AUTO_TEST_CASE(name_layers_at_rest_that_are_far_from_the_predicted_norm) {
  std::vector<DiagnosisRow> rows;
  for (const auto& [name, ratio] : std::vector<std::pair<const char*, double>>{{"a", 0.652}, {"b", 1.1}, {"c", 1.34}}) {
    rows.push_back(filter(name, 1, true));
    rows.back().norm_ratio.median = ratio;
  }
  rows.push_back(filter("d", 1, false));
  rows.back().norm_ratio.median = 3;
  const std::string all = section(rows);
  BOOST_TEST(has(all, "At rest, but more than 20 % from the predicted norm: a (0.652), c (1.34). Something"), all);
  BOOST_TEST(has(all, "Median relative error of the predicted norm over the 3 layers at rest: 34.0 %"), all);
  BOOST_TEST(!has(section({filter("a", 1, true)}), "from the predicted norm"));
}

// lr / |w|² is 0.1 / 0.81 and lr / |w| is 0.1 / 0.9. Norms fall by the fourth root of two, or by its square root.
BOOST_AUTO_TEST_CASE(say_what_norms_at_rest_and_effective_learning_rates_depend_on) {
  DiagnosisRow row = filter("conv", 1, true);
  row.effective_lr.median = 0.1235;
  std::string all = section({row});
  BOOST_TEST(has(all, "of their directions is lr / |w|² = 0.12 at the end."), all);
  BOOST_TEST(has(all, "; the norm assumes gradients as they were measured last."), all);
  row.effective_lr.median = 0.1111;
  row.doubled_norm = 0.70711;
  all = section({row});
  BOOST_TEST(has(all, "of their directions is lr / |w| = 0.11 at the end."), all);
  BOOST_TEST(has(all, "; the norm does not depend on the size of gradients, by which updates are divided."), all);
}

BOOST_AUTO_TEST_CASE(say_why_a_layer_is_not_at_rest) {
  DiagnosisRow drifting = filter("drifting", 1, false), early = filter("early", 1, false);
  early.drift = 0.01;  // but not yet over a relaxation time
  const std::string all = section({drifting, early});
  BOOST_TEST(has(all, "Not at rest at the end: drifting (0.14), early (too few steps). In brackets: by what share "),
             all);
  BOOST_TEST(has(all, "|w|² drifts in a relaxation time; at most 0.1 over such a time counts as rest."), all);
  early.drift = DiagnosisRow::missing;
  BOOST_TEST(has(section({drifting, early}), "early (too few steps)"));
}

// A cosine to zero, shorter than the relaxation time: what is predicted for its end nothing has come near.
std::vector<DiagnosisRow> along_a_cosine(double last_lr) {
  std::vector<DiagnosisRow> rows;
  for (const double lr : {0.05, 0.19, 0.2, 0.185, 0.12, 0.05, last_lr})
    for (const char* const name : {"a", "b"}) {
      DiagnosisRow row = filter(name, static_cast<std::int64_t>(rows.size() / 2) + 1, false);
      row.lr = lr;
      row.relaxation = 200 / lr;
      row.predicted_norm = 3 * lr;
      row.norm_ratio.median = 0.3 / lr;
      row.predicted_angle = 7 * lr;
      row.doubled_angle = 9.9 * lr;
      rows.push_back(row);
    }
  return rows;
}

BOOST_AUTO_TEST_CASE(a_learning_rate_that_fell_faster_than_filters_follow_is_told_by_its_peak) {
  const std::string all = section(along_a_cosine(1e-5));
  BOOST_TEST(has(all, "<p>The learning rate fell from 0.2 to 1e-5, faster than filters, "), all);
  BOOST_TEST(has(all, "can follow: at the end 0 of 2 layers are at equilibrium"), all);
  BOOST_TEST(has(all, "goes, is 1,000 steps, and the run had 300 steps near it."), all);
  BOOST_TEST(has(all, "In the last window near the peak they were at 1.62 times the predicted norm"), all);
  BOOST_TEST(has(all, "turned by 1.3° a step, where 1.3° was predicted"), all);
  BOOST_TEST(
      has(all,
          "Near the peak of the learning rate, at 0.18, filters at rest would with every lambda doubled turn by 1.8°"),
      all);
  if (can_plot()) BOOST_TEST(has(all, "Norm, near the peak, to epoch 4"), all);
  for (const char* const nonsense : {"20,000,000", "30,000", "relative error", "R²", "Not at rest at the end"})
    BOOST_TEST(!has(all, nonsense), nonsense << " in " << all);
}

BOOST_AUTO_TEST_CASE(a_learning_rate_that_fell_little_or_long_ago_is_told_by_the_end) {
  std::vector<DiagnosisRow> rows = along_a_cosine(0.11);
  for (DiagnosisRow& row : rows) row.lr = std::max(row.lr, 0.11);
  const std::string little = section(rows);
  BOOST_TEST(has(little, "<p>0 of 2 layers of filters, "), little);
  BOOST_TEST(has(little, "goes, is 1,818 steps."), little);
  BOOST_TEST(has(little, "At the learning rate of the last windows, 0.11, filters at rest would with every lambda"),
             little);
  rows = along_a_cosine(0.05);
  for (DiagnosisRow& row : rows) row.relaxation = 150;  // reaches the last two windows, which are alike
  BOOST_TEST(!has(section(rows), "fell"), section(rows));
  for (DiagnosisRow& row : rows) row.relaxation = 250;  // reaches back to 0.12
  BOOST_TEST(has(section(rows), "The learning rate fell from 0.2 to 0.05, faster"), section(rows));
}

BOOST_AUTO_TEST_CASE(the_error_of_predictions_is_told_of_windows_where_layers_are_at_rest) {
  BOOST_TEST(has(section({filter("a", 1, true), filter("b", 1, false)}), "Median relative error"));
  BOOST_TEST(!has(section({filter("a", 1, false), filter("b", 1, false)}), "Median relative error"));
}

// At the end of most runs the learning rate falls to zero, and what it was before is what counts.
BOOST_AUTO_TEST_CASE(say_that_filters_were_at_equilibrium_until_the_learning_rate_fell) {
  std::vector<DiagnosisRow> rows;
  for (std::int64_t window = 1; window <= 12; ++window)
    for (const char* const name : {"a", "b"}) {
      DiagnosisRow row = filter(name, window, window >= 4 && window <= 9);
      row.lr = window <= 9 ? 0.1 : 0.001;
      if (window > 9) {
        row.norm_ratio.median = 5;
        row.predicted_norm = 0.2;
        row.relaxation = 1e6;
      }
      rows.push_back(row);
    }
  const std::string all = section(rows);
  BOOST_TEST(has(all, "were at equilibrium from epoch 4 to 9"), all);
  BOOST_TEST(
      has(all, "the learning rate fell from 0.1 to 0.001, faster than they follow: at the end 0 of 2 layers are"), all);
  BOOST_TEST(has(all, "they were at 0.9 times the predicted norm and turned by 1.3° a step, where 1.5° was predicted"),
             all);
  BOOST_TEST(has(all, "gradients as they were in epoch 9"), all);
  BOOST_TEST(has(all, "At the learning rate of that time, 0.1 on average, filters at rest would with every lambda"),
             all);
  BOOST_TEST(has(all, "Median relative error of the predicted norm over the 2 layers at rest: 10.0 %"), all);
  BOOST_TEST(!has(all, "1,000,000 steps"), all);
}

// What is left behind in the last of many windows counts, though the layers rested in most of the last quarter.
BOOST_AUTO_TEST_CASE(layers_at_the_end_of_a_falling_learning_rate_are_those_of_the_last_window) {
  std::vector<DiagnosisRow> rows;
  for (std::int64_t window = 1; window <= 20; ++window)
    for (const char* const name : {"a", "b"}) {
      rows.push_back(filter(name, window, window >= 4 && window <= 18));
      rows.back().lr = window <= 18 ? 0.1 : 0.001;
    }
  BOOST_TEST(has(section(rows), "from epoch 4 to 18"), section(rows));
  BOOST_TEST(has(section(rows), "faster than they follow: at the end 0 of 2 layers are. "), section(rows));
}

BOOST_AUTO_TEST_CASE(errors_before_and_after_the_learning_rate_fell_do_not_cancel) {
  std::vector<DiagnosisRow> rows;
  for (std::int64_t window = 1; window <= 16; ++window)
    for (const char* const name : {"a", "b"}) {
      DiagnosisRow row = filter(name, window, window >= 4 && window <= 14);
      row.lr = window <= 9 ? 0.1 : window <= 14 ? 0.05 : 0.001;
      row.norm_ratio.median = window <= 9 ? 0.9 : 1.1;
      row.relaxation = 800;
      rows.push_back(row);
    }
  const std::string all = section(rows);
  BOOST_TEST(has(all, "were at equilibrium from epoch 4 to 9"), all);
  BOOST_TEST(has(all, "the learning rate fell from 0.1 to 0.001"), all);
  BOOST_TEST(has(all, "they were at 0.9 times the predicted norm"), all);
}

BOOST_AUTO_TEST_CASE(say_how_far_from_the_prediction_filters_are_and_what_doubling_lambda_does) {
  const std::string all = section({filter("a", 1, true)});
  BOOST_TEST(has(all,
                 "In the last window they are at 0.9 times the predicted norm and turn by 1.3° a step, where 1.5° is "
                 "predicted"),
             all);
  BOOST_TEST(has(all,
                 "turn by 2.3° a step in place of the predicted 1.5° (measured: 1.3°) and rest at a norm of 0.84 in "
                 "place of the predicted 1 (measured: 0.9); "),
             all);
  BOOST_TEST(has(all, "<td>1.26°</td><td>1.5°</td><td>0.9</td><td>1</td><td>0.9</td><td>yes</td>"), all);
}

BOOST_AUTO_TEST_CASE(quote_means_over_the_last_relaxation_time_with_the_range_of_the_layers) {
  std::vector<DiagnosisRow> rows;
  for (std::int64_t window = 1; window <= 8; ++window)
    for (const char* const name : {"a", "b", "c"}) {
      DiagnosisRow row = filter(name, window, window > 1);
      row.relaxation = 350;  // of windows of 100 steps: four of them
      const double layer = name[0] - 'b', swing = window % 2 == 0 ? 0.2 : -0.2;
      row.angle.median = 1 + 0.1 * layer + swing + (window < 5 ? 50 : 0);
      row.doubled_norm = 2 + 0.5 * layer + swing;
      rows.push_back(row);
    }
  const std::string all = section(rows);
  BOOST_TEST(has(all, "On average over the last 4 windows, 400 steps, they are at 0.9 times the predicted norm"), all);
  BOOST_TEST(has(all, "turn by 1° (0.9° to 1.1° by layer) a step"), all);
  BOOST_TEST(has(all, "rest at a norm of 2 (1.5 to 2.5 by layer)"), all);
  for (DiagnosisRow& row : rows) row.relaxation = 10;  // then a quarter of the seven windows at rest
  BOOST_TEST(has(section(rows), "On average over the last 2 windows, 200 steps,"), section(rows));
}

BOOST_AUTO_TEST_CASE(say_what_decay_would_have_taken_of_the_head_and_where_its_norm_began) {
  RunData run;
  for (const std::int64_t window : {1, 2}) {
    DiagnosisRow head = other("fc", "head", window, 0.1);
    head.channels = 4;
    head.whole_norm = 5 + static_cast<double>(window);
    head.left = 1e-5;
    run.diagnosis.push_back(head);
  }
  const auto said = [&] { return diagnosis_section(run).content; };
  BOOST_TEST(has(said(),
                 "taken more than 99.9 % off the head; with them the norm of fc went from 6 in the first window to 7: "
                 "they put back more than decay took."),
             said());
  AuditRow start;
  start.path = "fc";
  start.norm = 1.5;
  run.audit.emplace().rows = {start};
  BOOST_TEST(has(said(), "off the head; with them the norm of fc went from 3 to 7: they "), said());
  run.audit->rows[0].granularity = "whole";  // then the audit has the norm of all channels together
  BOOST_TEST(has(said(), "the norm of fc went from 1.5 to 7: they put back more "), said());
  run.audit->rows[0].norm = 8;
  BOOST_TEST(has(said(), "the norm of fc went from 8 to 7: decay took more than they put back."), said());
  for (const auto& [left, words] : std::vector<std::pair<double, const char*>>{
           {0.004, " 99.6 % off"}, {0.37, " 63 % off"}, {0.9996, " less than 0.1 % off"}, {0.995, " 0.5 % off"}}) {
    run.diagnosis.back().left = left;
    BOOST_TEST(has(said(), words), said());
  }
}

BOOST_AUTO_TEST_CASE(the_audit_of_a_diagnosed_run_keeps_its_prediction_and_says_that_it_is_of_the_start) {
  RunData run;
  AuditRow row;
  row.path = "conv";
  row.position = Position::feeds_norm;
  row.shape = {72};
  row.decayed = true;
  row.lr = 0.25;
  row.predicted_norm = row.predicted_angle = row.doubled_norm = row.doubled_angle = 1.5;
  run.audit.emplace().rows = {row};
  const std::string plain = audit_section(run).content;
  run.diagnosis = {filter("conv", 1, true)};
  const std::string diagnosed = audit_section(run).content;
  for (const std::string& said : {plain, diagnosed}) {
    BOOST_TEST(has(said, "By the gradients of the first batch and at the peak learning rate, 0.25, weights in front"),
               said);
    BOOST_TEST(has(said, "|w| at the start"), said);
    BOOST_TEST(has(said, "effective lr at the start"), said);
  }
  BOOST_TEST(has(diagnosed, "<i>What decay did</i> has those of the training."), diagnosed);
  BOOST_TEST(has(plain, "--diagnose"), plain);
  BOOST_TEST(has(plain, "norms at rest follow them"), plain);
  run.audit->rows[0].doubled_norm = 1.5 / std::sqrt(2.0);
  BOOST_TEST(has(audit_section(run).content, "the size of gradients, on which norms at rest then do not depend"));
}

BOOST_AUTO_TEST_CASE(dots_have_a_dot_in_their_legend) {
  const std::string all = section({filter("a", 1, true)});
  if (can_plot()) BOOST_TEST(has(all, "<circle cx=\"11\" cy=\"6\" r=\"3\""), all);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
