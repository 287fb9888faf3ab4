#include <boost/test/unit_test.hpp>
#include <charconv>

#include "lab/format/png.h"
#include "lab/reports/plot.h"
#include "lab/reports/report.h"
#include "lab/use/filter_sheet.h"
#include "lab/use/predictor.h"
#include "tests/lab/program.h"
#include "tests/lab/small_training.h"

namespace ebb {
namespace {

using test::Finished;
using test::has;
using test::SmallData;

BOOST_AUTO_TEST_SUITE(report_parts)

BOOST_AUTO_TEST_CASE(base64_of_the_standard) {
  const auto of = [](std::string_view s) {
    const auto bytes = std::as_bytes(std::span(s.data(), s.size()));
    return base64({bytes.begin(), bytes.end()});
  };
  // RFC 4648, section 10.
  BOOST_TEST(of("") == "");
  BOOST_TEST(of("f") == "Zg==");
  BOOST_TEST(of("fo") == "Zm8=");
  BOOST_TEST(of("foo") == "Zm9v");
  BOOST_TEST(of("foobar") == "Zm9vYmFy");
  BOOST_TEST(of("\xff\xfe\xfd") == "//79");
}

BOOST_AUTO_TEST_CASE(pictures_have_the_bytes_of_the_format) {
  const Tensor pixels = Tensor::from<std::uint8_t>({0, 128, 255, 7, 9, 11}, {1, 2, 3});
  const std::vector<std::byte> bytes = png(pixels);
  const std::string_view view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  BOOST_TEST(view.starts_with(std::string_view("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x01\x08\x02\0\0\0", 29)));
  // A picture without data: the last chunk and its checksum are the same in every file.
  BOOST_TEST(view.ends_with(std::string_view("\0\0\0\0IEND\xae\x42\x60\x82", 12)));
  BOOST_CHECK_THROW(png(Tensor::zeros({2, 2, 1})), Error);
  BOOST_CHECK_THROW(png(Tensor::zeros({2, 2, 2}, DType::u8)), Error);
}

BOOST_AUTO_TEST_CASE(records_go_through_json_and_back) {
  const TensorDataset data = test::small_pictures(40, 4);
  test::SmallTraining t;
  const Evaluation e = evaluate(t.model, Loader(data, {.batch = 40, .shuffle = false}));
  const EvaluationRecord record = make_record(e, data, "made up", 5);
  BOOST_REQUIRE(record.worst.size() == 5u);
  for (std::size_t i = 1; i < 5; ++i) BOOST_TEST(record.worst[i].confidence <= record.worst[i - 1].confidence);
  for (const Mistake& m : record.worst) {
    const EvaluatedSample& judged = e.samples[static_cast<std::size_t>(m.index)];
    BOOST_TEST(judged.predicted.value() != judged.truth);
    BOOST_TEST(m.predicted == judged.predicted.value());
    BOOST_TEST(m.picture.starts_with("iVBORw0KGgo"));
  }
  const EvaluationRecord back = record_from_json(to_json(record), "test");
  BOOST_TEST(to_json(back) == to_json(record));
  BOOST_TEST(back.confusion.accuracy() == e.accuracy);
  BOOST_CHECK_THROW(record_from_json("{}", "test"), Error);
  BOOST_CHECK_THROW(record_from_json("[", "test"), Error);
}

BOOST_AUTO_TEST_CASE(plots_are_svg_with_every_curve) {
  if (!can_plot()) return;
  const Drawing out = draw({.title = "accuracy & <more>",
                            .unit = {},
                            .curves = {{.title = "one", .points = {{1, 2}, {2, 3}, {3, 1}}, .colour = "var(--c3)"},
                                       {.title = "two", .points = {{1, 1}, {2, 2}}, .colour = "#123456"}}});
  BOOST_TEST(out.svg.starts_with("<svg"));
  BOOST_TEST(out.svg.ends_with("</svg>\n"));
  for (const char* const part :
       {"aria-label=\"accuracy &amp; &lt;more&gt;\"", "'var(--c3)'", "'#123456'", "\"var(--muted)\""})
    BOOST_TEST(has(out.svg, part), part);
  BOOST_TEST(!has(out.svg, "rgb(250"));  // no ink is left
  BOOST_TEST(out.note.empty(), out.note);
  BOOST_TEST(draw({.title = "nothing", .unit = {}, .curves = {{.title = "none", .points = {}}}}).svg.empty());
}

BOOST_AUTO_TEST_CASE(numbers_that_are_not_finite_leave_gaps_and_are_told_of) {
  if (!can_plot()) return;
  const double nan = std::nan("");
  const Drawing out = draw({.title = "gaps",
                            .unit = {},
                            .x = "step",
                            .curves = {{.title = "c", .points = {{1, 2}, {7, nan}, {8, 3}, {9, 4}}}}});
  BOOST_TEST(!out.svg.empty());
  BOOST_TEST(has(out.note, "not finite"), out.note);
  BOOST_TEST(has(out.note, "at step 7"), out.note);
  BOOST_TEST(draw({.title = "none", .unit = {}, .curves = {{.title = "c", .points = {{1, nan}}}}}).svg.empty());
  // Numbers at the ends of what a double holds are drawn.
  for (const auto& [low, high] : {std::pair{-1.7e308, 1.7e308}, {5e-324, 1e-320}, {-1e-300, 0.0}, {1e308, 1e308}})
    for (const auto scale : {AxisOptions::Scale::linear, AxisOptions::Scale::automatic})
      BOOST_TEST(!draw({.title = "far",
                        .unit = {},
                        .curves = {{.title = "c", .points = {{1, low}, {2, high}, {3, low}}}},
                        .y_axis = {.scale = scale}})
                      .svg.empty(),
                 low << ' ' << high);
}

BOOST_AUTO_TEST_CASE(long_curves_keep_their_peaks_in_few_points) {
  if (!can_plot()) return;
  Plot plot{.title = "long", .unit = {}, .curves = {{.title = "c", .points = {}}}};
  for (int i = 0; i < 200000; ++i) plot.curves[0].points.emplace_back(i, i == 123456 ? 1000 : std::sin(i * 0.01));
  const std::string flat = draw(plot).svg;
  BOOST_TEST(flat.size() < 40000u);
  plot.curves[0].points[123456].second = 0;
  BOOST_TEST(draw(plot).svg != flat);
}

BOOST_AUTO_TEST_SUITE_END()

// Of a decimal number, those that count.
std::int64_t digits_of(const std::string& number) {
  std::string digits;
  for (const char c : number.substr(0, number.find('e')))
    if (c >= '0' && c <= '9' && (c != '0' || !digits.empty())) digits += c;
  return static_cast<std::int64_t>(digits.size());
}

BOOST_FIXTURE_TEST_SUITE(reports, SmallData)

BOOST_AUTO_TEST_CASE(a_run_leaves_a_page_that_says_it_all) {
  BOOST_REQUIRE(test::shell(text(EBB_PROGRAM, " ", train("run", "--epochs 1 --set log_every=2 --lr 0.01"))).status ==
                0);
  const auto read = [&](const std::string& name) {
    std::ifstream file(root / name);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string page = read("run/report.html");
  for (const char* const part : {"<!DOCTYPE html>", "test accuracy", "test images of mnist", "Worst mistakes",
                                 "data:image/png;base64,", "instruction_set", "decay_on = ", "</html>"})
    BOOST_TEST(has(page, part), part);
  // The filters of the final weights.
  Predictor predictor(root / "run");
  const std::vector<LabelledFilters> filters{{"", first_filters(predictor.model(), predictor.image())}};
  BOOST_TEST(has(page, "First filters"));
  BOOST_TEST(has(page, in_words(filters.front().filters) + "."));
  BOOST_TEST(has(page, base64(png(filter_sheet(filters)))));
  if (can_plot()) BOOST_TEST(has(page, "<svg"));
  // Nothing is fetched from elsewhere.
  for (const char* const part : {"src=\"http", "href=\"http", "<script", "@import"}) BOOST_TEST(!has(page, part), part);
  const Finished evaluated = test::ebb("eval " + (root / "run").string());
  BOOST_TEST(evaluated.status == 0, evaluated.output);
  for (const char* const part : {"accuracy", "negative log-likelihood", "calibration error", "precision"})
    BOOST_TEST(has(evaluated.output, part), evaluated.output);

  // Without gnuplot the numbers stand in tables.
  const Finished bare = test::ebb("report " + (root / "run").string());
  BOOST_TEST(bare.status == 0, bare.output);
  BOOST_TEST(has(bare.output, "gnuplot is not installed"));
  BOOST_TEST(has(read("run/report.html"), "gnuplot is not installed"));
  BOOST_TEST(!has(read("run/report.html"), "<svg class=\"plot\""));
  const std::string tables = read("run/report.html");
  int numbers = 0;
  for (std::size_t at = 0; (at = tables.find("<td>", at)) != std::string::npos;) {
    at += 4;
    const std::string cell = tables.substr(at, tables.find('<', at) - at);
    double value = 0;
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (error != std::errc() || end != cell.data() + cell.size()) continue;
    ++numbers;
    BOOST_TEST(digits_of(cell) <= 7, cell);
  }
  BOOST_TEST(numbers > 50);

  BOOST_REQUIRE(test::ebb(train("other", "--epochs 1 --set lambda=0.25")).status == 0);
  const std::string out = (root / "both.html").string();
  const Finished both =
      test::ebb("report " + (root / "run").string() + ' ' + (root / "other").string() + " --out " + out);
  BOOST_TEST(both.status == 0, both.output);
  const std::string comparison = read("both.html");
  for (const char* const part : {"</span>run<", "</span>other<", "<th>lambda</th>", "<td>0.25</td>"})
    BOOST_TEST(has(comparison, part), part);
  BOOST_TEST(has(comparison, "<th>momentum</th><td>"));  // among the keys in which they agree
  BOOST_TEST(!has(comparison, "<th>momentum</th><th>"));
}

BOOST_AUTO_TEST_CASE(a_run_that_is_not_finite_is_reported_evaluated_and_resumed) {
  const Finished done = test::ebb(train("run", "--epochs 2 --lr 1e30 --set non_finite=skip"));
  BOOST_REQUIRE(done.status == 0);
  for (const char* const part : {" none ", "no prediction for 100 of 100 samples", "test accuracy 0.00 %",
                                 "test loss not finite", "warning: a loss of nan in the evaluation after epoch 2"})
    BOOST_TEST(has(done.output, part), part << " in " << done.output);
  BOOST_TEST(!has(done.output, " 0.0000"), done.output);
  BOOST_TEST(test::read(root / "run" / "evaluation.json").find("\"loss\":null") != std::string::npos);
  const std::string run = (root / "run").string();
  for (const std::string command : {"report ", "resume ", "eval "}) {
    const Finished again = test::ebb(command + run);
    BOOST_TEST(again.status == 0, command << again.output);
    BOOST_TEST(!has(again.output, "nan %"), again.output);
    BOOST_TEST((command == "report " || has(again.output, "not finite")), again.output);
  }
  const std::string page = test::read(root / "run" / "report.html");
  for (const char* const part : {"<dt>test accuracy</dt><dd>0.00 %<", "<dt>test loss, nats</dt><dd>not finite<",
                                 "<dt>calibration error</dt><dd>not finite<", "<dt>training loss, nats</dt><dd>none<",
                                 "<dt>without a prediction: logits not finite</dt><dd>100<"})
    BOOST_TEST(has(page, part), part);
  const std::string both = (root / "both.html").string();
  BOOST_TEST(test::ebb("report " + run + ' ' + run + " --out " + both).status == 0);
  BOOST_TEST(has(test::read(both), "<td>not finite</td>"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
