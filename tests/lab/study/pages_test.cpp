// Pages of studies: their order, and that what was refuted stands beside what was confirmed.
#include <array>
#include <boost/test/unit_test.hpp>
#include <regex>
#include <set>

#include "framework/tensor/error.h"
#include "lab/reports/plot.h"
#include "lab/study/figures.h"
#include "lab/study/study_page.h"
#include "tests/lab/study/study_program.h"

namespace ebb {
namespace {

using test::Finished;
using test::has;
using test::read;
using test::TemporaryDirectory;

// Whether the parts stand in a text one behind the other.
bool in_order(const std::string& text, const std::vector<std::string>& parts) {
  std::size_t at = 0;
  for (const std::string& part : parts) {
    at = text.find(part, at);
    if (at == std::string::npos) return false;
    at += part.size();
  }
  return true;
}

BOOST_AUTO_TEST_SUITE(study_pages)

BOOST_AUTO_TEST_CASE(pages_have_their_parts_in_order_and_refuted_claims_among_them) {
  const TemporaryDirectory folder;
  const std::string out = " --out " + folder.path().string();
  BOOST_TEST(test::studies("run small wrong" + out).status == 3);
  for (const char* const name : {"wrong", "small"})
    BOOST_TEST(
        test::studies(text("report ", name, " --runs ", folder.path().string(), " --out ", (folder / "pages").string()))
            .status == 0);
  const std::string page = read(folder / "pages" / "small.md");
  BOOST_TEST(in_order(page, {"# A small study\n",
                             "Nothing \\| in particular, \\<b\\>really",
                             "**Answer:** Twice is \\<more\\>.\n",
                             "## Verdicts\n",
                             "1: one is one",
                             "confirmed",
                             "A1",
                             "2: twice is more",
                             "confirmed",
                             "3: once is more, which is wrong",
                             "refuted",
                             "4: a product",
                             "reported",
                             "Brackets hold 95 % intervals",
                             "p is by sign flips (comparisons), after Holm's correction for the 2 tests here.",
                             "## Figures\n",
                             "Courses go up and down.",
                             "## What would have refuted it\n",
                             "a difference below 0",
                             "## What it does not show\n",
                             "It shows nothing.",
                             "## How it was run\n",
                             "6 arms",
                             "| pairs, which are seeds | 1 to 8 |",
                             "| tier | T1 |",
                             "| command | ebb\\_study\\_program run small |",
                             "| revision | version 1, declaration "}),
             page);
  const std::string html = read(folder / "small" / "report.html");
  BOOST_TEST(
      in_order(html, {"A small study</h1>", "Nothing | in particular, &lt;b&gt;really", "Twice is &lt;more&gt;.",
                      "<h2>Verdicts</h2>", "one is one", "<b>confirmed</b>", "which is wrong", "<b>refuted</b>",
                      "<h2>Figures</h2>", "Courses go up and down.", "<h2>What would have refuted it</h2>",
                      "<h2>What it does not show</h2>", "<h2>How it was run</h2>", "ebb_study_program run small"}),
      html);
  BOOST_TEST(!has(html, "<b>really"));
  BOOST_TEST(read(folder / "pages" / "small.csv") == test::results_in(folder.path()));
  BOOST_TEST(has(page, "| results | small.csv |"), page);
  // By name, whatever came out.
  const std::string index = read(folder / "pages" / "index.md");
  BOOST_TEST(in_order(index, {"- [small](small.md)", "2 confirmed, 1 refuted, 1 reported", "- [wrong](wrong.md)",
                              "1 refuted"}),
             index);
  test::studies("run doubted" + out);
  BOOST_TEST(
      test::studies(text("report doubted --runs ", folder.path().string(), " --out ", (folder / "others").string()))
          .status == 0);
  BOOST_TEST(in_order(read(folder / "others" / "doubted.md"),
                      {"## What was known before\n", "On other pairs one was",
                       "## What explains it, found afterwards\n", "by convention", "## How it was run\n"}));
  BOOST_TEST(
      in_order(read(folder / "doubted" / "report.html"),
               {"<h2>What was known before</h2>", "<h2>What explains it, found afterwards</h2>", "One is &lt;1&gt;"}));
  // Written again, nothing is doubled.
  test::studies(text("report small --runs ", folder.path().string(), " --out ", (folder / "pages").string()));
  BOOST_TEST(read(folder / "pages" / "index.md") == index);
  BOOST_TEST(read(folder / "pages" / "small.md") == page);
}

// The row of a page that begins with a word.
std::string row_of(const std::string& page, const std::string& word) {
  const std::size_t at = page.find("| " + word);
  return at == std::string::npos ? std::string() : page.substr(at, page.find('\n', at) - at);
}

// A page is made again by what stands on it: the command with its pairs and its tier, and the declaration, whose bounds
// were stated before. The same study run elsewhere, at another time and with other jobs has the same revision.
BOOST_AUTO_TEST_CASE(pages_name_the_pairs_the_tier_and_a_revision_that_only_the_declaration_changes) {
  const TemporaryDirectory folder;
  const auto page_of = [&](const std::string& where, const std::string& options, const std::string& environment = {},
                           const std::string& tier = {}) {
    const std::filesystem::path runs = folder / where;
    BOOST_TEST(test::studies(text("run small ", options, tier, " --out ", runs.string()), environment).status == 0);
    BOOST_TEST(
        test::studies(text("report small", tier, " --runs ", runs.string(), " --out ", (runs / "pages").string()),
                      environment)
            .status == 0);
    return read(runs / "pages" / "small.md");
  };
  const std::string page = page_of("a", "--jobs 1"), again = page_of("b", "--jobs 2"),
                    fewer = page_of("c", "--pairs 2-8", {}, " --tier T0"), other = page_of("d", "", "STUDY_VERSION=2");
  BOOST_TEST(row_of(page, "revision").size() > std::string("| revision | version 1, declaration ").size() + 12);
  BOOST_TEST(row_of(again, "revision") == row_of(page, "revision"));
  BOOST_TEST(row_of(fewer, "revision") == row_of(page, "revision"));
  BOOST_TEST(has(row_of(other, "revision"), "version 2, declaration "));
  const auto declaration = [](const std::string& of) { return of.substr(of.find("declaration ")); };
  BOOST_TEST(declaration(row_of(other, "revision")) != declaration(row_of(page, "revision")));
  BOOST_TEST(row_of(page, "command") == "| command | ebb\\_study\\_program run small |");
  BOOST_TEST(row_of(fewer, "command") == "| command | ebb\\_study\\_program run small --tier T0 --pairs 2-8 |");
}

// Two pairs with a course and its prediction, and a number with its prediction.
Results courses() {
  Results results({{"arm", {"a", "b"}}});
  for (const std::uint64_t pair : {1U, 2U}) {
    Record record;
    for (const std::int64_t step : {0, 10, 20}) {
      record.put("norm", step, static_cast<double>(step) + static_cast<double>(pair));
      record.put("foretold", step, static_cast<double>(step) + 1.25);
    }
    record.put("x", pair == 1 ? 1 : 3);
    record.put("y", pair == 1 ? 1.1 : 3);
    results.add({{"arm", "a"}}, pair, record);
  }
  return results;
}

BOOST_AUTO_TEST_CASE(a_course_has_all_pairs_their_mean_and_a_dashed_prediction) {
  using Points = std::vector<std::pair<double, double>>;
  const std::vector<Curve> curves =
      course(courses(), {.title = "norm", .measured = "norm", .predicted = "foretold", .colour = "red", .step = 0.1});
  BOOST_REQUIRE(curves.size() == 3u);
  BOOST_TEST((curves[0].faint && curves[0].dots && curves[0].title.empty() && curves[0].points.size() == 6));
  BOOST_TEST((curves[1].points == Points{{0, 1.5}, {1, 11.5}, {2, 21.5}}));
  BOOST_TEST((curves[1].dots && !curves[1].dashed && curves[1].title == "norm"));
  BOOST_TEST((curves[2].points == Points{{0, 1.25}, {1, 11.25}, {2, 21.25}}));
  BOOST_TEST((curves[2].dashed && curves[2].colour == "red" && curves[2].title == "norm, predicted"));
  const std::vector<Curve> alone = course(courses(), {.title = "norm", .measured = "norm"});
  BOOST_REQUIRE(alone.size() == 2u);
  BOOST_TEST(!alone[1].dots);
  BOOST_CHECK_THROW(course(courses(), {.title = "x", .measured = "nothing"}), Error);
}

BOOST_AUTO_TEST_CASE(measured_stands_against_predicted_about_a_dashed_diagonal) {
  const Plot plot = against_prediction({.title = "Norm", .unit = "", .x = "predicted", .curves = {}}, courses(),
                                       {{.title = "all", .measured = "y", .predicted = "x", .arm = {{"arm", "a"}}}});
  BOOST_REQUIRE(plot.curves.size() == 2u);
  BOOST_TEST((plot.curves[0].points == std::vector<std::pair<double, double>>{{1, 1.1}, {3, 3}}));
  BOOST_TEST((plot.curves[1].points == std::vector<std::pair<double, double>>{{1, 1}, {3, 3}}));
  BOOST_TEST(plot.curves[1].dashed);
  // 1 - 0.01 / (2 * 0.95^2); of the errors 0 and 10 % the upper.
  BOOST_TEST(plot.title == "Norm: R^2 0.994, median error 10.0 %");
}

BOOST_AUTO_TEST_CASE(pictures_stand_by_themselves) {
  const Plot plot{.title = "<Title> & \"more\"",
                  .unit = "units",
                  .x = "step",
                  .curves = {{.title = "a <curve>", .points = {{0, 0}, {1, 1}}},
                             {.title = "predicted", .points = {{0, 0}, {1, 2}}, .dashed = true}}};
  const std::string svg = svg_file(plot);
  if (!can_plot()) {
    BOOST_TEST(svg.empty());
    return;
  }
  BOOST_TEST(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  BOOST_TEST(in_order(svg, {"--paper", "&lt;Title&gt; &amp; &quot;more&quot;", "units", "a &lt;curve&gt;",
                            "stroke-dasharray", "predicted", "<path", "step", "</svg>"}),
             svg);
  BOOST_TEST(!has(svg, "<Title>"));
  // Drawn again, after another one: the same bytes, and names of its own.
  Plot other = plot;
  other.curves[0].points = {{0, 1}, {1, 0}};
  const auto canvas = [](const std::string& of) {
    return of.substr(of.find("<g id="), of.find("gnuplot_canvas") - of.find("<g id="));
  };
  BOOST_TEST(canvas(svg_file(other)) != canvas(svg));
  BOOST_TEST((svg_file(plot) == svg));
}

// The numbers of gnuplot's shapes in a picture, one for each mark.
std::vector<std::string> marks_in(const std::string& svg) {
  std::vector<std::string> out;
  const std::regex use("<use [^>]*gpPt([0-9]+)' transform='translate");
  for (std::sregex_iterator found(svg.begin(), svg.end(), use), end; found != end; ++found) out.push_back((*found)[1]);
  return out;
}

std::set<std::string> shapes_in(const std::string& svg) {
  const std::vector<std::string> marks = marks_in(svg);
  return {marks.begin(), marks.end()};
}

BOOST_AUTO_TEST_CASE(curves_are_told_apart_without_their_colours) {
  if (!can_plot()) return;
  const auto drawn = [](bool dots, const std::vector<std::string>& colours) {
    Plot plot{.title = "Three", .unit = "units", .x = "step", .curves = {}};
    for (const std::string& colour : colours)
      plot.curves.push_back({.title = colour, .points = {{0, 0}, {1, 1}, {2, 3}}, .dots = dots, .colour = colour});
    return svg_file(plot);
  };
  const std::vector<std::string> one{"red", "red", "red"}, three{"red", "green", "blue"};
  BOOST_TEST(shapes_in(drawn(true, three)).size() == 3u);
  BOOST_TEST(shapes_in(drawn(true, one)).size() == 1u);
  BOOST_TEST(shapes_in(drawn(false, three)).size() == 3u);
  BOOST_TEST(shapes_in(drawn(false, one)).empty());
  // The legend has the shapes of the picture: a circle, an open triangle, a filled square.
  for (const bool dots : {true, false})
    BOOST_TEST(
        in_order(drawn(dots, three), {"r=\"3\" fill=\"red\"", "0,-4.2 4,3 -4,3", "fill=\"none\" stroke=\"green\"",
                                      "-3,-3 3,-3 3,3 -3,3", "fill=\"blue\""}));
  // A prediction needs no marks of its own beside the dots that it explains, nor a diagonal.
  Plot course{.title = "Courses", .unit = "units", .x = "step", .curves = {}};
  for (const std::string colour : {"red", "green"})
    for (const bool dashed : {false, true})
      course.curves.push_back(
          {.title = colour, .points = {{0, 0}, {1, 1}}, .dashed = dashed, .dots = !dashed, .colour = colour});
  BOOST_TEST(marks_in(svg_file(course)).size() == 4u);
  for (const std::string colour : {"blue", "black"})
    course.curves.push_back({.title = colour, .points = {{0, 0}, {1, 1}}, .dashed = true, .colour = colour});
  BOOST_TEST(marks_in(svg_file(course)).size() == 8u);
}

BOOST_AUTO_TEST_CASE(a_long_legend_stands_beside_its_picture) {
  if (!can_plot()) return;
  Plot plot{.title = "Many", .unit = "units", .x = "step", .curves = {}};
  const auto place = [&](std::size_t curves) {
    plot.curves.assign(curves, {.title = "a curve with a rather long name", .points = {{0, 0}, {1, 1}}, .dots = true});
    const std::string svg = svg_file(plot);
    const auto number = [&](const std::string& before) {
      return std::stod(svg.substr(svg.find(before) + before.size()));
    };
    // Where the first mark of the legend stands, and where the picture inside begins.
    return std::array{number("<circle cx=\""), number("<svg x=\"12\" y=\""), number("viewBox=\"0 0 ")};
  };
  const auto [few_left, few_top, few_width] = place(4);
  const auto [many_left, many_top, many_width] = place(15);
  BOOST_TEST(few_left < 60);
  BOOST_TEST(few_top > 100);  // below four lines
  BOOST_TEST(many_left > 428);
  BOOST_TEST(many_top < 60);
  BOOST_TEST(many_width > many_left + 31 * 6);  // its words are not cut off
  BOOST_TEST(few_width == 440);
  plot.title = "A title that is far longer than a picture is wide, as those of scatters may be with their errors";
  BOOST_TEST(place(4)[2] > 12 + 7 * static_cast<double>(plot.title.size()));
}

// A plot of dots that are pairs, and what stands for them.
Plot pairs_and(std::vector<std::pair<double, double>> means, bool dots) {
  return {.title = "Means",
          .unit = "units",
          .x = "level",
          .curves = {{.title = {}, .points = {{0, 1}, {0, 4}, {1, 5}, {1, 5}}, .faint = true, .dots = true},
                     {.title = "mean", .points = std::move(means), .dots = dots}}};
}

BOOST_AUTO_TEST_CASE(means_of_pairs_have_their_interval_and_a_note_that_says_so) {
  const Plot bars = with_intervals(pairs_and({{0, 2.5}, {1, 5}}, true), 2);
  const std::vector<std::array<double, 3>>& band = bars.curves[1].band;
  BOOST_REQUIRE(band.size() == 1u);  // equal values have no interval
  // Student's t of one degree of freedom, 12.7062, times a standard error of 1.5.
  BOOST_TEST(band[0][1] == 2.5 - 19.0593, boost::test_tools::tolerance(1e-4));
  BOOST_TEST(band[0][2] == 2.5 + 19.0593, boost::test_tools::tolerance(1e-4));
  BOOST_TEST(bars.note == "Pale dots: single pairs. Bars: 95 % interval of the mean over 2 pairs.");
  const Plot geometric = with_intervals(pairs_and({{0, 2}}, false), 2);
  BOOST_REQUIRE(geometric.curves[1].band.size() == 1u);
  BOOST_TEST(geometric.curves[1].band[0][1] * geometric.curves[1].band[0][2] == 4, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(has(geometric.note, "Pale areas: 95 %"));
  // What is no mean gets none, and a note of the study's own stays.
  BOOST_TEST(with_intervals(pairs_and({{0, 3}}, true), 2).curves[1].band.empty());
  Plot own = pairs_and({{0, 2.5}}, true);
  own.note = "As the study says.";
  BOOST_TEST(with_intervals(own, 2).note == "As the study says.");
  if (!can_plot()) return;
  const auto lines = [](const std::string& svg) {
    const std::regex stroke("<path stroke='var\\(--c0\\)'");
    return std::distance(std::sregex_iterator(svg.begin(), svg.end(), stroke), std::sregex_iterator());
  };
  Plot without = bars;
  without.curves[1].band.clear();
  BOOST_TEST(lines(svg_file(bars)) == lines(svg_file(without)) + 1);
  BOOST_TEST(in_order(svg_file(bars), {">Pale dots: single pairs. Bars: 95 %", "over 2 pairs.<"}));
}

BOOST_AUTO_TEST_CASE(logarithmic_axes_and_gaps_are_said_beside_the_picture) {
  if (!can_plot()) return;
  Plot plot{.title = "Log",
            .unit = "units",
            .x = "level",
            .curves = {{.title = "a", .points = {{1, 1}, {2, NAN}, {100, 1000}}}},
            .y_axis = {.scale = AxisOptions::Scale::log}};
  BOOST_TEST(in_order(svg_file(plot), {">units, log scale<", ">level<", "Values that are not finite leave gaps"}));
  plot.x_axis = {.scale = AxisOptions::Scale::log}, plot.y_axis = {};
  BOOST_TEST(in_order(svg_file(plot), {">units<", ">level, log scale<"}));
}

BOOST_AUTO_TEST_CASE(contrasts_stand_about_no_difference_and_within_a_margin) {
  const Plot plot = side_by_side({.title = "Gains", .unit = "points", .x = "", .curves = {}},
                                 {{"a less b", {1, 2}}, {"a less c", {-1, 0}}}, 0.5);
  BOOST_TEST((plot.x_names == std::vector<std::string>{"a less b", "a less c"}));
  BOOST_TEST((plot.curves[0].points == std::vector<std::pair<double, double>>{{0, 1}, {0, 2}, {1, -1}, {1, 0}}));
  BOOST_TEST((plot.curves[1].points == std::vector<std::pair<double, double>>{{0, 1.5}, {1, -0.5}}));
  std::vector<double> levels;
  for (std::size_t i = 2; i < plot.curves.size(); ++i) levels.push_back(plot.curves[i].points.front().second);
  BOOST_TEST((levels == std::vector<double>{0, 0.5, -0.5}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
