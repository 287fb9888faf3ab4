// Texts of a run directory that were written to do harm: no command is run, no tag opened, no terminal steered.
#include <boost/test/unit_test.hpp>
#include <cctype>
#include <filesystem>
#include <sstream>

#include "framework/tensor/printable.h"
#include "lab/reports/gnuplot.h"
#include "lab/reports/plot.h"
#include "lab/reports/report.h"
#include "tests/lab/made_up_run.h"
#include "tests/lab/program.h"
#include "tests/support/temporary_directory.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;
using test::has;

// An empty current directory: texts below make a file "marker" there when a shell or gnuplot takes them for code.
struct Trap {
  test::TemporaryDirectory directory;
  fs::path before = fs::current_path();
  Trap() { fs::current_path(directory.path()); }
  ~Trap() { fs::current_path(before); }
  Trap(const Trap&) = delete;
  Trap& operator=(const Trap&) = delete;

  // Whether it was; it is set again.
  bool sprung() const { return fs::remove(directory / "marker"); }
};

const std::vector<std::string> commands{
    "`touch marker`",
    "$(touch marker)",
    "a' `touch marker` 'b",
    "a'; system('touch marker'); '",
    "a\"; system(\"touch marker\"); \"",
    "a\" `touch marker` \"b",
    "a\\' `touch marker`",
    "a\\\" `touch marker`",
    "a\n!touch marker\n",
    "a\nsystem 'touch marker'\n",
    "a\nEOD\n!touch marker\n$c0 << EOD\n",
    "a\r!touch marker\r",
    "'\n`touch marker`\n'",
    "@GPVAL_TERM `touch marker` @a",
    "'.system('touch marker').'",
    "a, '< touch marker'",
    "{/Symbol `touch marker`} ^{2}_3 &{x}",
    "# \\\n!touch marker",
    "%s %d $0 ${HOME} ~",
};

BOOST_FIXTURE_TEST_SUITE(hostile_texts, Trap)

BOOST_AUTO_TEST_CASE(no_text_of_a_plot_is_a_command) {
  if (!can_plot()) return;
  for (const std::string& text : commands) {
    const Plot plain{
        .title = "t",
        .unit = "u",
        .x = "x",
        .curves = {{.title = "one", .points = {{1, 2}, {2, 3}}}, {.title = "two", .points = {{1, 1}, {2, 2}}}}};
    const auto drawn_with = [&](const auto& change) {
      Plot plot = plain;
      change(plot);
      BOOST_TEST(draw(plot).svg.starts_with("<svg"), text);
      BOOST_TEST(!sprung(), text);
    };
    drawn_with([&](Plot& p) { p.title = p.unit = p.x = p.curves[0].title = text; });
    drawn_with([&](Plot& p) { p.x_names = {text, "a", text, "b"}; });
    BOOST_TEST(!gnuplot::output_of("set terminal svg\nset title " + gnuplot::literal(text) + "\nplot x\n").empty(),
               text);
    BOOST_TEST(!sprung(), text);
  }
}

BOOST_AUTO_TEST_CASE(no_text_of_a_run_is_a_command) {
  constexpr std::size_t groups = 5;  // a run for so many texts
  for (std::size_t begin = 0; begin < commands.size(); begin += groups) {
    const std::vector<std::string> texts(
        commands.begin() + static_cast<std::ptrdiff_t>(begin),
        commands.begin() + static_cast<std::ptrdiff_t>(std::min(begin + groups, commands.size())));
    std::string all, name = text("run ", static_cast<int>(begin), ' ');
    for (const std::string& hostile : texts) all += hostile;
    name += all;
    std::ranges::replace(name, '/', ' ');
    test::MadeUpRun run{.epochs = 2, .groups = texts, .classes = texts, .event = all};
    run.recipe.name = run.recipe.data_dir = printable_line(all);  // a recipe refuses other texts
    const fs::path own = name.substr(0, 200), plain = text("plain", static_cast<int>(begin));
    test::write_made_up_run(own, run);
    test::write_made_up_run(plain, {.epochs = 2, .groups = texts});
    BOOST_TEST(report_page(read_run(own)).ends_with("</html>\n"));
    BOOST_TEST(comparison_page({read_run(own), read_run(plain)}).ends_with("</html>\n"));
    BOOST_TEST(!sprung(), all);
  }
}

BOOST_AUTO_TEST_CASE(the_program_runs_no_command_of_a_run) {
  const std::string name = "`touch marker` 'a' $(touch marker)";
  test::MadeUpRun run{.epochs = 2, .groups = {name}, .classes = {name, "b"}, .event = name};
  run.recipe.name = name;
  test::write_made_up_run(name, run);
  test::write_made_up_run("plain", {.epochs = 2});
  const std::string quoted = R"('`touch marker` '\''a'\'' $(touch marker)')";
  const test::Finished one = test::shell(text(EBB_PROGRAM, " report ", quoted));
  BOOST_TEST(one.status == 0, one.output);
  const test::Finished two = test::shell(text(EBB_PROGRAM, " report ", quoted, " plain"));
  BOOST_TEST(two.status == 0, two.output);
  BOOST_TEST(!sprung());
}

BOOST_AUTO_TEST_CASE(texts_open_no_tags_and_leave_no_attributes) {
  const std::string hostile = "<script>alert(1)</script>\" onload='x' <img src=x onerror=alert(1)> & &lt; ]]> --> ";
  test::MadeUpRun run{.epochs = 2, .groups = {hostile, "b"}, .classes = {hostile, "b"}, .event = hostile};
  run.recipe.name = run.recipe.data = run.recipe.data_dir = run.recipe.schedule = hostile;
  run.picture = "\" onerror=\"alert(1)";
  const fs::path own = "<script>alert(1)<&\" onload='x' <img src=x onerror=alert(1)>";
  test::write_made_up_run("plain", {.epochs = 2});
  run.recipe = find_recipe("mnist");
  run.recipe.name = run.recipe.data_dir = hostile;
  test::write_made_up_run(own, run);
  RunData data = read_run(own);
  data.environment.emplace_back(hostile, hostile);
  data.summary.emplace_back(hostile, hostile);
  data.recipe.data = data.recipe.model = data.recipe.decay = data.recipe.decay_on = data.recipe.optimizer = hostile;
  data.log.evaluated_on = hostile;
  data.audit = AuditRecord{.rows = {{.path = hostile + '.' + hostile,
                                     .granularity = hostile,
                                     .group = hostile,
                                     .decay = hostile,
                                     .decayed = true}},
                           .values = {{.op = "parameter", .parameter = 0, .to_loss = true},
                                      {.op = hostile, .inputs = {-1, 0}, .to_loss = true},
                                      {.op = hostile, .inputs = {1}, .to_loss = true}},
                           .problems = {hostile},
                           .warnings = {hostile}};
  RunData refused = data;
  refused.audit = AuditRecord{.refused = hostile};
  BOOST_TEST(has(report_page(data), "<svg xmlns"));
  for (const std::string& page :
       {report_page(data), report_page(refused), comparison_page({data, read_run("plain")})}) {
    BOOST_TEST(page.ends_with("</html>\n"));
    for (const char* const part : {"<script", "<img src=x", "\" onload", "' onload", "\" onerror", "onload='x'"})
      BOOST_TEST(!has(page, part), part);
  }
}

BOOST_AUTO_TEST_CASE(a_summary_with_other_values_is_shown_as_it_is) {
  test::write_made_up_run("run", {.epochs = 2});
  write_file("run/log.jsonl", "");  // nothing to draw
  for (const char* const parameters : {"\"<b>many</b>\"", "1e300", "-5", "99999999999999999999999", "null", "\"\""}) {
    write_file("run/summary.json", text(R"({"parameters": )", parameters, R"(, "seconds": "a lot"})"));
    BOOST_TEST(report_page(read_run("run")).ends_with("</html>\n"), parameters);
    BOOST_TEST(!has(report_page(read_run("run")), "<b>many"));
  }
}

BOOST_AUTO_TEST_CASE(controls_are_made_visible) {
  BOOST_TEST(printable("a\x1b[31mred\x07") == "a\\x1b[31mred\\x07");
  BOOST_TEST(printable("\x9b"
                       "31m") == "\\x9b31m");  // CSI in eight bits
  BOOST_TEST(printable("\xc2\x9b"
                       "31m") == "\\xc2\\x9b31m");  // the same in UTF-8
  BOOST_TEST(printable("\xe2\x80\xae"
                       "abc") == "\\xe2\\x80\\xaeabc");  // right to left
  BOOST_TEST(printable("\x7f\r\b") == "\\x7f\\x0d\\x08");
  BOOST_TEST(printable(std::string_view("a\0b", 3)) == "a\\x00b");
  BOOST_TEST(printable("Z\xc3\xbcrich \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80") ==
             "Z\xc3\xbcrich \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80");
  BOOST_TEST(printable("\xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80 \xe6\x97") ==
             "\\xc0\\xaf \\xed\\xa0\\x80 \\xf4\\x90\\x80\\x80 \\xe6\\x97");  // overlong, half, too large, cut off
  BOOST_TEST(printable("a\n\tb") == "a\n\tb");
  BOOST_TEST(printable_line("a\n\tb\x1b") == "a  b\\x1b");
}

BOOST_AUTO_TEST_CASE(names_do_not_steer_the_terminal) {
  const std::string escape =
      "\x1b]0;title\x07\x1b[2J\xc2\x9b"
      "1m";
  test::MadeUpRun run{.epochs = 2, .groups = {escape}, .classes = {escape, "b"}, .event = escape};
  test::write_made_up_run("run" + escape, run);
  test::write_made_up_run("other", {.epochs = 2});
  const auto silent = [&](const std::string& arguments, int status) {
    const test::Finished done = test::ebb(arguments);
    BOOST_TEST(done.status == status, done.output);
    for (const char c : {'\x1b', '\x07', '\x9b'}) BOOST_TEST(done.output.find(c) == std::string::npos, done.output);
  };
  silent("report 'run" + escape + "'", 0);
  silent("report 'run" + escape + "' other --out 'out" + escape + "'", 0);
  silent("report 'nothing" + escape + "'", 1);
  silent("eval 'run" + escape + "'", 1);
  silent("resume 'run" + escape + "'", 1);
  silent("train 'none" + escape + "'", 1);
  silent("train mnist --print-recipe --set 'out=" + escape + "'", 1);
  silent(
      "train mnist --print-recipe --set 'out=a\xc2\x9b"
      "1m'",
      1);
  silent("train mnist --set 'data=" + escape + "'", 1);
  for (const std::string& page :
       {report_page(read_run("run" + escape)), comparison_page({read_run("run" + escape), read_run("other")})})
    for (const char c : {'\x1b', '\x07', '\x9b'}) BOOST_TEST(page.find(c) == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
