// No exception leaves main unnamed.
#include <CLI/CLI.hpp>
#include <csignal>
#include <set>
#include <string>

#include "lab/program/ebb_command_line.h"
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

// What CLI11 from version 2.4 on takes for one name: it compares options without their dashes, long ones with short
// ones, and the names of positional arguments with all of them. Earlier versions do not.
struct Names {
  std::vector<std::string> known;    // "data pack folder", "data pack out", ...
  std::vector<std::string> clashes;  // those that stand twice in one command
};

void look_into(const CLI::App& command, const std::string& path, Names& names) {
  std::set<std::string> own;
  const auto note = [&](const std::string& name) {
    names.known.push_back(path + name);
    if (!own.insert(name).second) names.clashes.push_back(path + name);
  };
  for (const CLI::Option* const option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) note(name);
    for (const std::string& name : option->get_snames()) note(name);
    if (const std::string argument = option->get_name(true); !argument.empty()) note(argument);
  }
  for (const CLI::App* const below : command.get_subcommands([](const CLI::App*) { return true; }))
    look_into(*below, path + below->get_name() + ' ', names);
}

BOOST_AUTO_TEST_CASE(no_two_names_of_a_command_are_one_whatever_their_dashes) {
  const EbbCommandLine line(nullptr);
  Names names;
  look_into(line.app(), "", names);
  BOOST_TEST(names.clashes == std::vector<std::string>(), boost::test_tools::per_element());
  for (const char* const name : {"version", "train what", "data pack folder", "study run jobs", "export from"})
    BOOST_TEST(std::ranges::count(names.known, name) == 1, name);

  CLI::App planted;
  std::string model;
  Names found;
  try {
    CLI::App* const use = planted.add_subcommand("use");
    use->add_option("model", model);
    use->add_option("--model", model);
    look_into(planted, "", found);
    BOOST_TEST(found.clashes == std::vector<std::string>{"use model"}, boost::test_tools::per_element());
  } catch (const CLI::OptionAlreadyAdded& refused) {  // such a version
    BOOST_TEST(has(refused.what(), "model"), refused.what());
  }
}

// The real program, from the first allocation of main on: while it begins, declares its command line, and obeys it.
#ifdef EBB_FAILING_NEW
BOOST_AUTO_TEST_CASE(an_exception_anywhere_in_the_program_is_said) {
  const auto throw_at = [](const char* command, long call) {
    return test::shell(text("EBB_THROW_AT=", call, " LD_PRELOAD=" EBB_FAILING_NEW " ", command));
  };
  for (const char* const command : {EBB_PROGRAM " train mnist --print-recipe", EBB_PROGRAM " study list"}) {
    const Finished whole = throw_at(command, 0);
    BOOST_REQUIRE(whole.status == 0);
    const std::size_t end = whole.output.rfind(" calls of operator new");
    BOOST_REQUIRE(end != std::string::npos);
    const long calls = std::stol(whole.output.substr(whole.output.rfind('\n', end) + 1));
    BOOST_REQUIRE(calls > 300);
    int within_noexcept = 0;
    for (long call = 1; call < calls; call += call < 20 ? 1 : calls / 50) {
      const Finished done = throw_at(command, call);
      // Libraries ask for memory here and there where nothing may be thrown; std::bad_alloc would end quietly there.
      if (done.status == 128 + SIGABRT && has(done.output, "what():  a planted exception")) {
        ++within_noexcept;
        continue;
      }
      BOOST_TEST(done.status == 1, command << ", call " << call << ": " << done.status);
      // A stream of the standard library takes an exception for a number that cannot be read.
      BOOST_TEST((has(done.output, ": a planted exception\n") || has(done.output, "could not be interpreted")),
                 command << ", call " << call << ": " << done.output);
    }
    BOOST_TEST(within_noexcept <= 2, command);
  }
}
#endif

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
