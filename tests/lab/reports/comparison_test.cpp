// Runs side by side: what forms one curve, how it is called, and what of it is on the page.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <set>
#include <sstream>

#include "lab/reports/comparison_curves.h"
#include "lab/reports/conditions.h"
#include "lab/reports/figures.h"
#include "lab/reports/marks.h"
#include "lab/reports/report.h"
#include "tests/lab/made_up_run.h"
#include "tests/lab/program.h"
#include "tests/support/temporary_directory.h"

namespace ebb {
namespace {

using test::has;

std::size_t count_of(const std::string& in, const std::string& what) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = in.find(what, at)) != std::string::npos; at += what.size()) ++count;
  return count;
}

// Runs of all pairs of lambda and seed; the final loss tells both.
struct Sweep {
  explicit Sweep(std::size_t lambdas = 5, std::uint64_t seeds = 3) {
    for (std::size_t k = 0; k < lambdas; ++k)
      for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        test::MadeUpRun run{
            .epochs = 5, .steps = 40, .floor = 0.1 * static_cast<double>(k + 1) + 0.01 * static_cast<double>(seed)};
        run.recipe.seed = seed;
        run.recipe.lambda = 0.001 * static_cast<double>(lambdas - k);  // not in the order of the runs
        run.recipe.threads = static_cast<std::int64_t>(seed);
        run.recipe.out = text("somewhere/", static_cast<int>(k));
        const std::string name = text("run-", static_cast<int>(k), '-', seed);
        test::write_made_up_run(directory / name, run);
        runs.push_back(read_run(directory / name));
      }
  }
  test::TemporaryDirectory directory;
  std::vector<RunData> runs;
};

BOOST_AUTO_TEST_SUITE(comparisons)

BOOST_AUTO_TEST_CASE(runs_that_differ_only_in_seed_form_one_condition) {
  const Sweep sweep;
  const Conditions conditions = conditions_of(sweep.runs);
  BOOST_TEST(conditions.keys == std::vector<std::string>{"lambda"}, boost::test_tools::per_element());
  BOOST_REQUIRE(conditions.all.size() == 5u);
  std::set<std::string> colours;
  for (std::size_t i = 0; i < 5; ++i) {
    const Condition& c = conditions.all[i];
    BOOST_TEST(c.runs.size() == 3u);
    BOOST_TEST(c.label == text("lambda 0.00", static_cast<int>(i + 1)));  // by the value
    for (const RunData* const run : c.runs) BOOST_TEST(run->recipe.lambda == 0.001 * static_cast<double>(i + 1));
    colours.insert(c.colour);
  }
  BOOST_TEST(colours.size() == 5u);
}

// Two layers in two windows; in the second the learning rate is `last_lr`, and the first layer is at rest or not.
std::vector<DiagnosisRow> diagnosis(double last_lr, bool at_rest) {
  std::vector<DiagnosisRow> rows;
  for (const std::int64_t window : {1, 2})
    for (const char* const name : {"a", "b"}) {
      DiagnosisRow& row = rows.emplace_back();
      row.step = 100 * window;
      row.epoch = window;
      row.parameter = name;
      row.position = "feeds_norm";
      row.lr = window == 1 ? 0.2 : last_lr;
      row.relaxation = 500;
      row.predicted_norm = 1;
      row.predicted_angle = 1.75;
      row.angle.median = window == 1 ? 1.5 : 0.25;
      row.norm_ratio.median = window == 1 ? 1.25 : 9.5;
      row.at_rest = at_rest && name[0] == 'a' && window == 2;
    }
  return rows;
}

BOOST_AUTO_TEST_CASE(diagnosed_runs_have_a_row_each_of_what_decay_did) {
  Sweep sweep(3, 1);
  BOOST_TEST(!has(comparison_page(sweep.runs, {}), "What decay did"));
  sweep.runs[0].diagnosis = diagnosis(0.2, true);
  sweep.runs[1].diagnosis = diagnosis(1e-6, false);
  const std::string page = comparison_page(sweep.runs, {});
  const std::size_t from = page.find("What decay did</h2>");
  BOOST_REQUIRE(from != std::string::npos);
  const std::string table = page.substr(from, page.find("</table>", from) - from);
  BOOST_TEST(count_of(table, "<tr>") == 3u, table);  // the head, and no row of the third run
  const auto cells = [](const std::vector<const char*>& texts) {
    std::string out;
    for (const char* const cell : texts) out += text("<td>", cell, "</td>");
    return out;
  };
  BOOST_TEST(has(table, cells({"1 of 2", "the end", "0.2", "0.25°", "1.75°", "9.5"})), table);
  BOOST_TEST(has(table, cells({"0 of 2", "near the peak, epoch 1", "0.2", "1.5°", "1.75°", "1.25"})), table);
}

BOOST_AUTO_TEST_CASE(another_table_of_groups_is_another_condition) {
  Sweep sweep(1, 2);
  BOOST_TEST(conditions_of(sweep.runs).all.size() == 1u);
  sweep.runs[1].recipe.groups.emplace_back().name = "head";
  const Conditions conditions = conditions_of(sweep.runs);
  BOOST_TEST(conditions.all.size() == 2u);
  BOOST_TEST(conditions.keys == std::vector<std::string>{"groups"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(single_runs_are_called_by_their_names) {
  Sweep sweep(3, 1);
  BOOST_TEST(conditions_of(sweep.runs).all[0].label == "run-2-1");
  BOOST_TEST(conditions_of(sweep.runs).all[0].detail == "lambda 0.001");
  sweep.runs[0].name = sweep.runs[1].name = "same";
  sweep.runs[0].parent = "here";
  sweep.runs[1].parent = "there";
  BOOST_TEST(distinct_names(sweep.runs) == (std::vector<std::string>{"here/same", "there/same", "run-2-1"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_curve_is_the_mean_and_its_band_the_range) {
  const Sweep sweep;
  const Conditions conditions = conditions_of(sweep.runs);
  const std::vector<Plot> plots = compared_learning(conditions, sweep.runs);
  BOOST_TEST(plots.size() == 4u);
  const Curve& curve = plots[3].curves[4];  // training loss; the largest lambda is that of the first runs
  BOOST_TEST(plots[3].title == "Training loss");
  BOOST_REQUIRE(curve.points.size() == 5u);
  BOOST_REQUIRE(curve.band.size() == 5u);
  for (std::size_t epoch = 0; epoch < 5; ++epoch) {
    std::vector<double> losses;
    for (std::size_t seed = 0; seed < 3; ++seed) losses.push_back(sweep.runs[seed].log.epochs[epoch].train_loss);
    BOOST_TEST(curve.points[epoch].second == (losses[0] + losses[1] + losses[2]) / 3,
               boost::test_tools::tolerance(1e-12));
    BOOST_TEST(curve.band[epoch][1] == std::ranges::min(losses));
    BOOST_TEST(curve.band[epoch][2] == std::ranges::max(losses));
    BOOST_TEST(curve.band[epoch][1] < curve.band[epoch][2]);
  }
}

BOOST_AUTO_TEST_CASE(spreads_leave_out_what_is_not_finite) {
  const Spread spread = spread_of({std::nan(""), 3, 1, INFINITY, 2});
  BOOST_TEST(spread.count == 3);
  BOOST_TEST(spread.known == 5);
  BOOST_TEST(spread.mean == 2.0);
  BOOST_TEST(spread.least == 1.0);
  BOOST_TEST(spread.largest == 3.0);
  BOOST_TEST(spread_of(std::vector<double>{}).count == 0);
  BOOST_TEST(std::isnan(spread_of({std::nan("")}).mean));
}

BOOST_AUTO_TEST_CASE(decay_and_norms_are_compared_for_each_group) {
  const Sweep sweep;
  const std::string page = comparison_page(sweep.runs);
  for (const char* const part : {"Group decayed", "Group no decay", "Shrink", "Weight norm", "Gradient norm",
                                 "Comparison of 15 runs", "Results by lambda", "Every run"})
    BOOST_TEST(has(page, part), part);
  BOOST_TEST(page.find("Group decayed") < page.find("Group no decay"));
  // Nothing decays in the second group, and its learning rate is the first one's.
  BOOST_TEST(count_of(page, "<figcaption>Shrink<") == 1u);
  BOOST_TEST(count_of(page, "<figcaption>Learning rate<") == 1u);
  BOOST_TEST(count_of(page, "<figcaption>Weight norm<") == 2u);
  BOOST_TEST(count_of(page, "<td><b>") == 3u);  // the best of accuracy, loss and calibration
}

BOOST_AUTO_TEST_CASE(sixty_runs_make_a_page_of_bounded_size) {
  const Sweep sweep(60, 1);
  const std::string page = comparison_page(sweep.runs);
  BOOST_TEST(page.size() < 4u << 20);
  BOOST_TEST(has(page, "run-59-1"));
}

BOOST_AUTO_TEST_CASE(what_is_no_run_is_left_out_with_a_warning) {
  const Sweep sweep(2, 1);
  const std::string a = (sweep.directory / "run-0-1").string(), b = (sweep.directory / "run-1-1").string();
  const std::string out = (sweep.directory / "page.html").string();
  const test::Finished some = test::ebb("report " + a + " nothing-here " + b + " --out " + out);
  BOOST_TEST(some.status == 0, some.output);
  BOOST_TEST(has(some.output, "left out: [nothing-here]"), some.output);
  BOOST_TEST(has(test::read(out), "Comparison of 2 runs"));
  BOOST_TEST(has(test::read(out), "Left out: [nothing-here]"));
  const test::Finished one = test::ebb("report " + a + " nothing-here --out " + out);
  BOOST_TEST(one.status == 0, one.output);
  BOOST_TEST(has(test::read(out), "Comparison of 1 run"));
  const test::Finished none = test::ebb("report nothing-here nor-there --out " + out);
  BOOST_TEST(none.status == 1, none.output);
  BOOST_TEST(has(none.output, "2 arguments that are no runs"), none.output);
  BOOST_TEST(test::ebb("report nothing-here").status == 1);
}

BOOST_AUTO_TEST_CASE(runs_without_results_are_compared_by_what_they_have) {
  test::TemporaryDirectory directory;
  test::write_made_up_run(directory / "done", {.epochs = 3});
  test::write_made_up_run(directory / "begun", {.epochs = 1, .finished = false});
  test::MadeUpRun nothing{.epochs = 0, .finished = false};
  test::write_made_up_run(directory / "nothing", nothing);
  const std::vector<RunData> runs{read_run(directory / "done"), read_run(directory / "begun"),
                                  read_run(directory / "nothing")};
  const std::string page = comparison_page(runs);
  BOOST_TEST(has(page, "of 3 runs"));
  BOOST_TEST(page.ends_with("</html>\n"));
  for (const RunData& run : runs) BOOST_TEST(report_page(run).ends_with("</html>\n"));
  BOOST_TEST(has(report_page(runs[2]), "No epoch and no step"));
  BOOST_TEST(has(report_page(runs[1]), "not finished"));
}

// Marks repeat after eight curves; those of one mark are told apart in grey.
BOOST_AUTO_TEST_CASE(colours_of_one_mark_differ_in_lightness) {
  const auto grey = [](std::size_t number) {
    const std::string colour = html::series_colour(number, 24);
    std::istringstream parts(colour.substr(colour.find('(') + 1));
    double red = 0, green = 0, blue = 0;
    parts >> red >> green >> blue;
    return 0.299 * red + 0.587 * green + 0.114 * blue;
  };
  for (std::size_t i = 0; i + 8 < 24; ++i) BOOST_TEST(grey(i + 8) - grey(i) > 12, i);
}

// Pale dots behind a line are too faint to tell it by; dots beside it that are not faint do.
BOOST_AUTO_TEST_CASE(faint_dots_take_no_mark_from_the_line_of_their_colour) {
  const auto of = [](const char* colour, bool faint, bool dots) {
    return Curve{.title = {}, .points = {{0, 1}, {1, 2}}, .faint = faint, .dots = dots, .colour = colour};
  };
  Plot plot{.title = "t", .unit = "u", .curves = {}};
  for (const char* colour : {"var(--c0)", "var(--c1)"})
    plot.curves.insert(plot.curves.end(), {of(colour, true, true), of(colour, false, false)});
  for (const std::size_t line : {1U, 3U}) {
    BOOST_TEST(marks::on_line(plot, plot.curves[line]));
    BOOST_TEST(marks::look_of(plot, plot.curves[line], marks::colours_of(plot)).marked);
  }
  plot.curves[0].faint = plot.curves[2].faint = false;
  for (const std::size_t line : {1U, 3U}) BOOST_TEST(!marks::on_line(plot, plot.curves[line]));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
