// What the program says to people on the way: commands to type, and how far it is.
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "lab/format/shell_word.h"
#include "tests/data/picture_files.h"
#include "tests/lab/outcomes.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

using test::Finished;
using test::has;
using test::put_below;
using test::put_classes;
using test::succeeds;
using test::TemporaryDirectory;

// What stands behind `mark` on its line.
std::string behind(const std::string& text, const std::string& mark) {
  const std::size_t at = text.find(mark);
  BOOST_REQUIRE_MESSAGE(at != std::string::npos, text);
  return text.substr(at + mark.size(), text.find('\n', at) - at - mark.size());
}

// What a process that sees a terminal writes to it.
std::string on_a_terminal(const std::string& command) {
  int terminal = -1;
  const pid_t child = forkpty(&terminal, nullptr, nullptr, nullptr);
  if (child == 0) {
    execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    _exit(127);
  }
  std::string out;
  char part[4096];
  for (ssize_t n = 0; (n = ::read(terminal, part, sizeof part)) > 0;) out.append(part, static_cast<std::size_t>(n));
  ::close(terminal);
  int status = -1;
  BOOST_REQUIRE(waitpid(child, &status, 0) == child);
  BOOST_TEST(status == 0, command << '\n' << out);
  return out;
}

BOOST_AUTO_TEST_SUITE(hints)

BOOST_AUTO_TEST_CASE(words_are_what_a_shell_reads) {
  for (const char* const word :
       {"plain", "runs/a-1_b.c", "",    "a b", "it's", "''",  "$HOME", "`id`",     "a\"b",   "a\\b", "*", "~",
        "#",     "a;b",          "a&b", "(",   "-n",   "a=b", "!x",    "\xC3\xA4", "a'b'c d"})
    BOOST_TEST(test::shell("printf %s " + shell_word(word)).output == word);
  BOOST_TEST(shell_word("runs/a-1_b.c") == "runs/a-1_b.c");
  // Nothing that a terminal would obey, and no second line.
  for (const char* const word : {"a\nb", "a\x1b[31mb", "\xFF"})
    for (const char c : shell_word(word)) BOOST_TEST((c >= ' ' && c < 127), word);
}

BOOST_AUTO_TEST_CASE(commands_work_as_they_stand_whatever_paths_are_called) {
  const TemporaryDirectory root;
  const std::string odd = (root / "it's $HOME; \"my\" pets").string();
  put_classes(odd + "/in", {"a", "b"}, 20);
  const std::string small = " --model linear --epochs 1 --out " + shell_word(odd + "/run");
  const std::string packed =
      succeeds("data pack " + shell_word(odd + "/in") + " --out " + shell_word(odd + "/set.safetensors")).output;
  const auto runs = [](std::string command) {
    BOOST_REQUIRE(command.starts_with("ebb "));
    const Finished run = test::ebb(command.substr(4));
    BOOST_TEST(run.status == 0, command << '\n' << run.output);
  };
  runs(behind(packed, "train with: ") + small);
  fs::remove(fs::path(odd) / "run/summary.json");
  const Finished there = test::ebb("train folder --data " + shell_word(odd + "/in") + small);
  const std::string hint = behind(there.output, "go on with `");
  runs(hint.substr(0, hint.find('`')));
  const Finished missing =
      test::ebb("data pack " + shell_word(odd + "/in") + " --out " + shell_word(odd + "/more sets/set.safetensors"));
  BOOST_TEST(test::shell(behind(missing.output, "make it: ")).status == 0);
  BOOST_TEST(fs::is_directory(odd + "/more sets"));
}

BOOST_AUTO_TEST_CASE(reading_a_folder_of_pictures_shows_how_far_it_is) {
  const TemporaryDirectory root;
  put_classes(root / "in", {"a", "b"}, 20);
  const std::string run = " --out " + (root / "run").string(), in = (root / "in").string();
  const std::string train = "train folder --model linear --epochs 1 --data " + in + run;
  const auto shown = [](const std::string& output) { return has(output, "read [=") && has(output, " pictures/s"); };
  BOOST_TEST(shown(on_a_terminal(test::program() + train)));
  for (const char* const command : {"eval ", "audit --no-probe "})
    BOOST_TEST(shown(on_a_terminal(test::program() + command + (root / "run").string())), command);
  BOOST_TEST(shown(on_a_terminal(test::program() + "resume " + (root / "run").string())));
  BOOST_TEST(!shown(succeeds(train + " --overwrite").output));  // no terminal
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
