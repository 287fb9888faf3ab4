// No exception leaves main unnamed.
#include <csignal>
#include <sstream>
#include <string>

#include "tests/lab/program.h"

namespace ebb {
namespace {

using test::Finished;
using test::has;

Finished throwing(const std::string& arguments) { return test::shell(EBB_THROWING_PROGRAM " " + arguments); }

BOOST_AUTO_TEST_SUITE(uncaught)

BOOST_AUTO_TEST_CASE(what_leaves_main_is_named_and_ends_with_status_one) {
  const auto expect = [](const std::string& kind, const std::string& said) {
    const Finished done = throwing(kind);
    BOOST_TEST(done.status == 1, kind << ": " << done.status);
    BOOST_TEST(done.output == "ebb: " + said + "\n", kind << ": " << done.output);
  };
  expect("error", "[planted] got this; wanted that; do so");
  expect("exception", "planted and derived");
  expect("memory",
         "[memory] got none from the system; wanted more of it; end other programs, or allow more: ulimit -v");
  expect("length", "vector::_M_default_append");
  expect("number", "an exception of type int");
  expect("type", "an exception of type (anonymous namespace)::Unusual");
  BOOST_TEST(throwing("").status == 7);
}

BOOST_AUTO_TEST_CASE(only_missing_memory_ends_quietly_where_nothing_may_be_thrown) {
  const Finished memory = throwing("noexcept memory");
  BOOST_TEST(memory.status == 1);
  BOOST_TEST(has(memory.output, "ebb: [memory] got none"), memory.output);
  for (const std::string kind : {"error", "exception", "number"}) {
    const Finished defect = throwing("noexcept " + kind);
    BOOST_TEST(defect.status == 128 + SIGABRT, kind << ": " << defect.status);
    BOOST_TEST(has(defect.output, kind == "number" ? "'int'" : "planted"), kind << ": " << defect.output);
    BOOST_TEST(!has(defect.output, "[memory]"), kind << ": " << defect.output);
  }
}

// CLI11 2.4 refuses a positional argument and an option of one name; 2.3 does not.
BOOST_AUTO_TEST_CASE(no_positional_argument_has_the_name_of_an_option) {
  int positionals = 0;
  for (const char* const command : {"train", "resume", "report", "eval", "data fetch", "data verify", "data show"}) {
    const std::string help = test::ebb(std::string(command) + " --help").output;
    const std::size_t begin = help.find("Positionals:\n");
    BOOST_REQUIRE(begin != std::string::npos);
    std::istringstream lines(help.substr(begin, help.find("Options:", begin) - begin));
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("  ") || line[2] == ' ') continue;
      const std::string name = line.substr(2, line.find(' ', 2) - 2);
      BOOST_TEST(!has(help, " --" + name + ' '), command << ": an argument and an option called " << name);
      ++positionals;
    }
  }
  BOOST_TEST(positionals == 7);
}

// The real program, from its first allocation on: while it declares its command line and while it obeys it.
#ifdef EBB_FAILING_NEW
BOOST_AUTO_TEST_CASE(an_exception_anywhere_in_the_program_is_said) {
  const auto throw_at = [](long call) {
    return test::shell(
        text("EBB_THROW_AT=", call, " LD_PRELOAD=" EBB_FAILING_NEW " " EBB_PROGRAM " train mnist --print-recipe"));
  };
  const Finished whole = throw_at(0);
  BOOST_REQUIRE(whole.status == 0);
  const std::size_t end = whole.output.rfind(" calls of operator new");
  BOOST_REQUIRE(end != std::string::npos);
  const long calls = std::stol(whole.output.substr(whole.output.rfind('\n', end) + 1));
  BOOST_REQUIRE(calls > 300);
  for (long call = 1; call < calls; call += calls / 50) {
    const Finished done = throw_at(call);
    BOOST_TEST(done.status == 1, call << ": " << done.status);
    // A stream of the standard library takes an exception for a number that cannot be read.
    BOOST_TEST((has(done.output, "ebb: a planted exception\n") || has(done.output, "could not be interpreted")),
               call << ": " << done.output);
  }
}
#endif

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
