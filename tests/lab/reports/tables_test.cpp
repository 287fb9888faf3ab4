// `ebb export --csv`: runs as tables whose numbers are those of the runs.
#include "lab/reports/tables.h"

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <limits>

#include "lab/format/csv.h"
#include "tests/lab/made_up_run.h"
#include "tests/lab/program.h"
#include "tests/support/temporary_directory.h"

namespace ebb::tables_test {
namespace {

namespace fs = std::filesystem;
using Rows = std::vector<std::vector<std::string>>;

// A reader of RFC 4180 that takes nothing else.
Rows parsed(const std::string& csv) {
  Rows out;
  for (std::size_t at = 0; at < csv.size();) {
    std::vector<std::string> row;
    for (bool more = true; more;) {
      std::string field;
      if (csv.at(at) == '"') {
        for (++at; csv.at(at) != '"' || csv.at(at + 1) == '"'; ++at) {
          if (csv.at(at) == '"') ++at;
          field += csv.at(at);
        }
        ++at;
      } else {
        for (; csv.at(at) != ',' && csv.at(at) != '\r'; ++at) {
          BOOST_REQUIRE((csv[at] != '"' && csv[at] != '\n'));
          field += csv[at];
        }
      }
      row.push_back(field);
      more = csv.at(at) == ',';
      if (!more) BOOST_REQUIRE(csv.substr(at, 2) == "\r\n");
      at += more ? 1 : 2;
    }
    if (!out.empty()) BOOST_REQUIRE(row.size() == out.front().size());
    out.push_back(row);
  }
  return out;
}

// The bits of a number, or NaN for an empty field.
double number(const std::string& field) {
  return field.empty() ? std::numeric_limits<double>::quiet_NaN() : std::strtod(field.c_str(), nullptr);
}

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

std::size_t column(const Rows& rows, const std::string& name) {
  const auto found = std::ranges::find(rows.at(0), name);
  BOOST_REQUIRE_MESSAGE(found != rows[0].end(), name);
  return static_cast<std::size_t>(found - rows[0].begin());
}

const std::vector<std::string> strange_names{"cat, dog", "\"quoted\"", "two\r\nlines"};

// Two runs, one of them with other groups and on its way.
struct Runs {
  Runs() {
    test::write_made_up_run(place / "a", {.classes = strange_names});
    test::write_made_up_run(place / "b, \"c\"", {.epochs = 3, .groups = {"decayed", "head"}, .finished = false});
    for (const char* const name : {"a", "b, \"c\""}) data.push_back(read_run(place / name));
    for (const RunTable& table : run_tables(data)) tables[table.file] = parsed(table.csv);
  }
  test::TemporaryDirectory place;
  std::vector<RunData> data;
  std::map<std::string, Rows> tables;
};

BOOST_AUTO_TEST_SUITE(run_table)

BOOST_AUTO_TEST_CASE(fields_and_lines_are_those_of_rfc_4180) {
  BOOST_TEST(csv_field("plain text") == "plain text");
  BOOST_TEST(csv_field("a,b") == "\"a,b\"");
  BOOST_TEST(csv_field("say \"a\"") == "\"say \"\"a\"\"\"");
  BOOST_TEST(csv_field("a\nb") == "\"a\nb\"");
  BOOST_TEST(csv_field(0.1) == "0.1");
  BOOST_TEST(csv_field(std::nan("")) == "");
  BOOST_TEST(csv_field(-std::numeric_limits<double>::infinity()) == "");
  BOOST_TEST(csv_line({"", "a", ""}) == ",a,\r\n");
}

// A name that others chose is nothing that a spreadsheet computes.
BOOST_AUTO_TEST_CASE(names_are_no_formulas) {
  for (const char* const name : {"=1+1", "+a", "-a", "@a", "-1+1", "=", "-", "--1", "+cmd|' /C calc'!A0"})
    BOOST_TEST(csv_text(name) == '\'' + std::string(name));
  for (const char* const name : {"\ta", "\r=a"}) BOOST_TEST(csv_text(name) == csv_field('\'' + std::string(name)));
  for (const char* const name : {"", "a", "a=1", "-1", "+1", "-2.5e3", "'a", "1-2"}) BOOST_TEST(csv_text(name) == name);
  BOOST_TEST(csv_text("=a,\"b\"") == "\"'=a,\"\"b\"\"\"");
  BOOST_TEST(csv_field(-0.5) == "-0.5");  // a number of ours
  const test::TemporaryDirectory place;
  const std::string link = "=HYPERLINK(\"http://x\")";
  test::write_made_up_run(place / "=run", {.groups = {"@decayed", "no decay"}, .classes = {link, "-1", "+c"}});
  std::map<std::string, Rows> tables;
  for (const RunTable& table : run_tables({read_run(place / "=run")})) tables[table.file] = parsed(table.csv);
  for (const auto& [file, rows] : tables)
    for (const std::vector<std::string>& row : rows) {
      const bool head = &row == &rows.front();
      BOOST_TEST((head ? row[0] == "run" : row[0] == "'=run"), file);
    }
  BOOST_TEST(tables.at("steps.csv")[0][column(tables.at("steps.csv"), "'@decayed lr")] == "'@decayed lr");
  const Rows& classes = tables.at("classes.csv");
  BOOST_TEST(classes[1][1] == '\'' + link);
  BOOST_TEST(classes[2][1] == "-1");
  BOOST_TEST(classes[3][1] == "'+c");
  bool seen = false;
  for (const std::vector<std::string>& row : tables.at("confusion.csv")) {
    seen = seen || row[2] == '\'' + link;
    BOOST_TEST(row[2] != link);
  }
  BOOST_TEST(seen);
}

BOOST_AUTO_TEST_CASE(steps_of_all_runs_read_back_to_the_same_bits) {
  const Runs runs;
  const Rows& rows = runs.tables.at("steps.csv");
  BOOST_REQUIRE(rows.size() == 1 + 200 + 60);
  const std::size_t norm = column(rows, "decayed weight_norm"), head = column(rows, "head shrink");
  std::size_t at = 1;
  for (const RunData& run : runs.data)
    for (const StepResult& step : run.log.steps) {
      const std::vector<std::string>& row = rows[at++];
      BOOST_TEST(row[0] == run.name);
      BOOST_TEST(number(row[1]) == static_cast<double>(step.step));
      BOOST_TEST(number(row[2]) == static_cast<double>(step.epoch));
      BOOST_TEST(number(row[3]) == step.loss);
      BOOST_TEST(number(row[4]) == step.lr);
      BOOST_TEST(number(row[norm]) == step.groups[0].weight_norm);
      BOOST_TEST(row[head].empty() == (run.name == "a"));
      if (run.name != "a") BOOST_TEST(number(row[head]) == step.groups[1].shrink);
    }
}

BOOST_AUTO_TEST_CASE(epochs_of_all_runs_read_back_to_the_same_bits) {
  const Runs runs;
  const Rows& rows = runs.tables.at("epochs.csv");
  BOOST_REQUIRE(rows.size() == 1 + 10 + 3);
  std::size_t at = 1;
  for (const RunData& run : runs.data)
    for (const EpochResult& epoch : run.log.epochs) {
      const std::vector<std::string>& row = rows[at++];
      BOOST_TEST(row[0] == run.name);
      BOOST_TEST(same(number(row[column(rows, "train_loss")]), epoch.train_loss));
      BOOST_TEST(same(number(row[column(rows, "evaluation_accuracy")]), epoch.evaluation_accuracy));
      BOOST_TEST(row[column(rows, "evaluated_on")] == "test");
    }
}

BOOST_AUTO_TEST_CASE(classes_and_confusion_are_those_of_the_evaluation) {
  const Runs runs;
  const Rows &classes = runs.tables.at("classes.csv"), &confusion = runs.tables.at("confusion.csv");
  const Confusion& counts = runs.data[0].evaluation->confusion;
  BOOST_REQUIRE(classes.size() == 4);
  for (std::size_t c = 0; c < 3; ++c) {
    BOOST_TEST(classes[c + 1][1] == strange_names[c]);
    BOOST_TEST(number(classes[c + 1][column(classes, "recall")]) == counts.recall(static_cast<std::int64_t>(c)));
    BOOST_TEST(number(classes[c + 1][column(classes, "precision")]) == counts.precision(static_cast<std::int64_t>(c)));
  }
  double total = 0;
  for (std::size_t r = 1; r < confusion.size(); ++r) {
    const auto index = [&](const std::string& name) {
      return std::ranges::find(strange_names, name) - strange_names.begin();
    };
    BOOST_TEST(number(confusion[r][3]) ==
               static_cast<double>(counts.count(index(confusion[r][1]), index(confusion[r][2]))));
    total += number(confusion[r][3]);
  }
  BOOST_TEST(total == static_cast<double>(counts.total()));
}

BOOST_AUTO_TEST_CASE(the_command_writes_all_tables_or_none) {
  const Runs runs;
  const fs::path out = runs.place / "tables";
  const std::string command =
      "export '" + (runs.place / "a").string() + "' '" + (runs.place / "b, \"c\"").string() + "' --csv " + out.string();
  const test::Finished done = test::ebb(command);
  BOOST_REQUIRE_MESSAGE(done.status == 0, done.output);
  for (const RunTable& table : run_tables(runs.data)) BOOST_TEST(test::read(out / table.file) == table.csv, table.file);
  fs::remove(out / "steps.csv");
  test::put_file(out / "epochs.csv", "precious");
  const test::Finished refused = test::ebb(command);
  BOOST_TEST(refused.status == 1);
  BOOST_TEST(test::has(refused.output, "--overwrite"), refused.output);
  BOOST_TEST(!fs::exists(out / "steps.csv"));
  BOOST_TEST(test::read(out / "epochs.csv") == "precious");
  BOOST_TEST(test::ebb(command + " --overwrite").status == 0);
  BOOST_TEST(fs::exists(out / "steps.csv"));
  BOOST_TEST(test::ebb(command + " --onnx x.onnx").status == 1);
  BOOST_TEST(test::ebb("export " + runs.place.path().string() + " --csv " + (runs.place / "no").string()).status == 1);
  BOOST_TEST(!fs::exists(runs.place / "no"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::tables_test
