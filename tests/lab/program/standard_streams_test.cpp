// Standard streams that are closed, full, or lead to a pipe that nobody reads.
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <sstream>
#include <utility>

#include "lab/runs/run_log.h"
#include "tests/lab/every_command.h"
#include "tests/lab/program.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;
using test::Finished;
using test::has;
using test::SmallData;

struct Streams : SmallData {
  Streams() : SmallData(60) {}

  std::string short_run(const std::string& out, const std::string& more = {}) const {
    return test::program() + train(out, "--epochs 2 --threads 1 " + more);
  }

  // Whether every line of the log is an object of JSON.
  bool log_is_clean(const std::string& out) const {
    std::istringstream lines(test::read(root / out / "log.jsonl"));
    int count = 0;
    for (std::string line; std::getline(lines, line); ++count)
      if (!nlohmann::json::parse(line, nullptr, false).is_object()) return false;
    return count > 0;
  }

  std::string weights(const std::string& out) const { return summary(out).at("weights_sha256"); }
};

// Descriptor 9 of the programs that are started leads to a pipe without a reader.
struct BrokenPipe {
  BrokenPipe() {
    int ends[2];
    BOOST_REQUIRE(::pipe(ends) == 0);
    ::close(ends[0]);
    BOOST_REQUIRE(::dup2(ends[1], 9) == 9);
    ::close(ends[1]);
  }
  ~BrokenPipe() { ::close(9); }
};

// Where the output goes, why that fails, and what the program ends with. A reader that left is no error.
struct Lost {
  const char *place, *cause;
  int status;
};
constexpr Lost lost[] = {{">&9", "Broken pipe", 128 + SIGPIPE}, {">/dev/full", "No space left", 1}};

BOOST_FIXTURE_TEST_SUITE(standard_streams, Streams)

// Files that are opened get the lowest free number: without care that of standard output.
BOOST_AUTO_TEST_CASE(closed_ones_take_no_text_into_a_run) {
  BOOST_REQUIRE(test::shell(short_run("whole")).status == 0);
  int number = 0;
  for (const char* const closed : {">&-", "2>&-", "<&-", ">&- 2>&-", ">&- 2>&- <&-"}) {
    const std::string out = text("run-", number++);
    const Finished done = test::shell("(" + short_run(out) + " " + closed + ")");
    BOOST_TEST(done.status == 0, closed << ": " << done.output);
    BOOST_TEST(log_is_clean(out), closed << ":\n" << test::read(root / out / "log.jsonl"));
    BOOST_TEST(weights(out) == weights("whole"));
    for (const auto& entry : fs::recursive_directory_iterator(root / out))
      BOOST_TEST((!entry.is_regular_file() || entry.path().filename() == "report.html" ||
                  !has(test::read(entry.path()), "train loss")),
                 closed << ": text of the program in " << entry.path());
  }
}

BOOST_AUTO_TEST_CASE(output_that_cannot_be_written_is_an_error) {
  test::check_that_every_command_has_an_example(*this);
  test::prepare_examples(*this);
  const BrokenPipe pipe;
  std::vector<test::CommandExample> all = test::command_examples(*this);
  all.push_back({"", "--version"});
  all.push_back({"train", "--help"});
  all.push_back({"train", "mnist --print-recipe"});
  for (const auto& [command, rest, usual, before, writes, same_bytes] : all) {
    const std::string arguments = command + ' ' + rest, out = (root / "out").string();
    const std::string fresh = "rm -rf " + out + "; mkdir " + out + "; " + (before.empty() ? before : before + "; ");
    const Finished whole = test::shell("(" + fresh + test::program() + arguments + ")");
    BOOST_TEST(whole.status == usual, arguments << ": " << whole.output);
    for (const auto& [place, cause, without] : lost) {
      const Finished done = test::shell(text("(", fresh, test::program(), arguments, " ", place, ")"));
      const bool told = without == 1;
      const int status = usual == 0 ? without : usual;
      BOOST_TEST(done.status == status, arguments << ' ' << place << ": " << done.output);
      BOOST_TEST(has(done.output, "[standard output] got ") == told, arguments << ' ' << place << ": " << done.output);
      BOOST_TEST(has(done.output, cause) == told, done.output);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_reader_of_the_first_lines_gets_no_complaint) {
  const Finished done =
      test::shell(text("((", test::program(), "train --help; echo $? >", (root / "status").string(), ") | head -1)"));
  BOOST_TEST(std::ranges::count(done.output, '\n') == 1, done.output);
  const std::string status = test::read(root / "status");
  BOOST_TEST((status == "0\n" || status == "141\n"), status);
}

BOOST_AUTO_TEST_CASE(a_closed_pipe_costs_no_training) {
  BOOST_REQUIRE(test::shell(short_run("whole")).status == 0);
  const BrokenPipe pipe;
  for (const auto& [place, cause, status] : lost) {
    fs::remove_all(root / "run");
    const Finished done = test::shell(text("(", short_run("run"), " ", place, ")"));
    BOOST_TEST(done.status == status, done.output);
    BOOST_TEST(has(done.output, "[standard output] got ") == (status == 1), done.output);
    BOOST_REQUIRE(fs::exists(root / "run" / "summary.json"));
    BOOST_TEST(weights("run") == weights("whole"));
    BOOST_TEST(fs::exists(root / "run" / "checkpoints" / "step-00000006.safetensors"));
    BOOST_TEST(fs::exists(root / "run" / "report.html"));
    BOOST_TEST(log_is_clean("run"));
    const std::vector<TrainEvent> events = read_log(root / "run" / "log.jsonl").events;
    BOOST_REQUIRE(events.size() == 1u);
    BOOST_TEST(has(events[0].text, "standard output cannot be written"), events[0].text);
    BOOST_TEST(has(events[0].text, cause), events[0].text);
  }
}

// The reader goes after three lines, in the middle of the training.
BOOST_AUTO_TEST_CASE(a_reader_that_leaves_costs_no_training) {
  const auto run = [&](const std::string& out) { return test::program() + train(out, "--epochs 12 --threads 1"); };
  BOOST_REQUIRE(test::shell(run("whole")).status == 0);
  const std::string status = (root / "status").string();
  const Finished done = test::shell(text("(", run("run"), "; echo $? >", status, ") | head -3"));
  BOOST_TEST(test::read(status) == text(128 + SIGPIPE, '\n'), done.output);
  BOOST_REQUIRE(fs::exists(root / "run" / "summary.json"));
  BOOST_TEST(weights("run") == weights("whole"));
  BOOST_TEST(fs::exists(root / "run" / "checkpoints" / "step-00000036.safetensors"));
  BOOST_TEST(log_is_clean("run"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
