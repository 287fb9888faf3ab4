// Every write-side system call of a short run, and of every command that writes, fails once: nothing that was saved is
// lost, the run can go on, and what stands under the name of a file is whole.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <map>

#include "lab/runs/checkpoints.h"
#include "tests/lab/every_command.h"
#include "tests/lab/program.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;
using test::Finished;
using test::has;
using test::SmallData;

struct Faults : SmallData {
  Faults() : SmallData(120) {}

  std::string arguments(const std::string& out) const {
    return train(out, text("--epochs 2 --set save_steps=5 --set log_every=2 --threads 1 --diagnose",
                           " --set tensorboard=true --overwrite --trace ", (root / out / "trace.json").string()));
  }

  // The program, call number `call` of those that write below the directory `out` failing as `how` says.
  Finished failing(const std::string& out, const std::string& command, int call, const std::string& how,
                   bool all = false, bool old = false) const {
    return test::shell(text(old ? "EBB_FAIL_OLD=1 " : "", "EBB_FAIL_BELOW=", (root / out).string(),
                            " EBB_FAIL_CALL=", call, " EBB_FAIL_HOW=", how, all ? " EBB_FAIL_ALL=1" : "",
                            " EBB_FAIL_COUNT=", (root / "count").string(), " LD_PRELOAD=", EBB_FAILING_WRITES, " ",
                            test::program(), command));
  }

  int count() const {
    int count = 0;
    std::ifstream(root / "count") >> count;
    return count;
  }

  int calls_of_a_run() const {
    const Finished whole = failing("whole", arguments("whole"), 0, "0");
    BOOST_REQUIRE_MESSAGE(whole.status == 0, whole.output);
    BOOST_TEST(count() > 100);
    return count();
  }

  void check(int call, const std::string& how, const std::string& cause, bool all = false) {
    const std::string out = text("run-", call, '-', how, all ? "-all" : "");
    const Finished done = failing(out, arguments(out), call, how, all);
    const std::string what = text("call ", call, ", ", how, ", ended with ", done.status, ":\n", done.output);
    BOOST_TEST((done.status == 0 || done.status == 1 || (how == "kill" && done.status == 128 + SIGKILL)), what);
    // Whoever fails says where and why.
    if (done.status == 1) {
      BOOST_TEST(has(done.output, (root / out).string()), what);
      BOOST_TEST(has(done.output, cause), what);
    }
    // What was saved can be read: all but what a failing disk spoiled under its final name.
    if (fs::exists(root / out)) {
      const Directory run(root / out);
      const Checkpoints checkpoints(run);
      if (!checkpoints.steps().empty()) BOOST_CHECK_NO_THROW(checkpoints.newest());
    }
    // And the run goes on to the same end, or begins anew where it had not begun.
    const bool begun = fs::exists(root / out / "recipe.toml");
    const Finished again = test::ebb(begun ? resume(out) : arguments(out));
    BOOST_TEST(again.status == 0, what << again.output);
    BOOST_TEST(summary(out).at("state_sha256") == summary("whole").at("state_sha256"), what);
    fs::remove_all(root / out);
  }

  struct Kind {
    std::string how, cause;
    bool all;  // every call from that one on, in half of the runs
  };
  const std::vector<Kind> kinds{{text(ENOSPC), "No space left on device", true},
                                {text(EIO), "Input/output error", false},
                                {text(EDQUOT), "Disk quota exceeded", true},
                                {text(EROFS), "Read-only file system", true},
                                {text(EINTR), "Interrupted system call", false},
                                {"short", "", false},
                                {"kill", "", false}};

  // Calls `one(call, kind, all)` for one in `stride` pairs of a call and a kind, every kind among them.
  template <class One>
  int each(int calls, int stride, const One& one) const {
    int checked = 0;
    const auto count = static_cast<int>(kinds.size());
    for (int call = 1; call <= calls; ++call)
      for (int kind = 0; kind < count; ++kind) {
        // The kinds begin at different places, so that few runs see every kind.
        if (call % stride != kind * stride / count + stride / (2 * count)) continue;
        const Kind& k = kinds[static_cast<std::size_t>(kind)];
        one(call, k, k.all && call / stride % 2 == 0);
        ++checked;
      }
    return checked;
  }

  void check_all(int stride) {
    const int calls = calls_of_a_run();
    const int checked =
        each(calls, stride, [&](int call, const Kind& kind, bool all) { check(call, kind.how, kind.cause, all); });
    std::cout << checked << " failing calls of " << calls << ", " << kinds.size() << " kinds: nothing saved was lost\n";
  }

  // What stands in `out` under names of its own, by path; a temporary file is nobody's.
  std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> all;
    if (!fs::exists(root / "out")) return all;
    for (const auto& entry : fs::recursive_directory_iterator(root / "out"))
      if (entry.is_regular_file() && !has(entry.path().filename().string(), ".tmp-"))
        all[fs::relative(entry.path(), root / "out").string()] = test::read(entry.path());
    return all;
  }

  void prepare(const test::CommandExample& example) const {
    fs::remove_all(root / "out");
    fs::create_directory(root / "out");
    if (!example.before.empty()) BOOST_REQUIRE(test::shell(example.before).status == 0);
  }

  void check_command(const test::CommandExample& example, const std::map<std::string, std::string>& whole, int call,
                     const Kind& kind, bool all) const {
    prepare(example);
    const std::map<std::string, std::string> before = files();
    const Finished done = failing("out", example.command + ' ' + example.arguments, call, kind.how, all);
    const std::string what =
        text(example.command, ' ', example.arguments, ", call ", call, ", ", kind.how, ", ended with ", done.status);
    BOOST_TEST((done.status == 0 || done.status == 1 || (kind.how == "kill" && done.status == 128 + SIGKILL)),
               what << ":\n"
                    << done.output);
    // Whoever fails says where and why.
    if (done.status == 1 && !has(done.output, "was ended by SIGKILL")) {  // of a worker
      BOOST_TEST(has(done.output, (root / "out").string()), what << ":\n" << done.output);
      BOOST_TEST(has(done.output, kind.cause), what << ":\n" << done.output);
    }
    const std::map<std::string, std::string> there = files();
    if (done.status == 0) BOOST_TEST(there.size() == whole.size(), what << ": a file is missing");
    for (const auto& [name, contents] : there) {
      BOOST_TEST(whole.contains(name), what << ": a file " << name);
      const bool old = before.contains(name) && before.at(name) == contents;
      if (example.same_bytes && whole.contains(name))
        BOOST_TEST((old || contents == whole.at(name)), what << ": " << name << " is not whole");
    }
  }

  // \param most failures of each example.
  void check_commands(int stride, int most) {
    test::check_that_every_command_has_an_example(*this);
    test::prepare_examples(*this);
    for (const test::CommandExample& example : test::command_examples(*this)) {
      prepare(example);
      const Finished done = failing("out", example.command + ' ' + example.arguments, 0, "0");
      BOOST_TEST(done.status == example.status, example.command << ": " << done.output);
      const std::map<std::string, std::string> whole = files();
      BOOST_TEST((count() > 0) == example.writes, example.command << " makes " << count() << " calls that write");
      BOOST_TEST(whole.empty() != example.writes, example.command << " writes " << whole.size() << " files");
      const int rare = count() * static_cast<int>(kinds.size()) / most;
      const int checked = each(count(), std::max(stride, rare), [&](int call, const Kind& kind, bool all) {
        check_command(example, whole, call, kind, all);
      });
      std::cout << example.command << ": " << checked << " failing calls\n";
    }
  }
};

BOOST_FIXTURE_TEST_SUITE(write_faults, Faults)

BOOST_AUTO_TEST_CASE(some_calls_fail) { check_all(150); }

BOOST_AUTO_TEST_CASE(some_calls_of_every_command_fail) { check_commands(40, 12); }

// Also where the file system cannot rename without replacing, and a link takes the place of that.
BOOST_AUTO_TEST_CASE(interrupted_calls_are_made_again) {
  BOOST_REQUIRE(test::ebb(train("run", "--epochs 1 --threads 1")).status == 0);
  fs::create_directory(root / "out");
  const std::string file = (root / "out" / "a.npz").string(), command = "export " + (root / "run").string() + " --npz ";
  for (const bool old : {false, true}) {
    fs::remove(file);
    BOOST_REQUIRE(failing("out", command + file, 0, "0", false, old).status == 0);
    const std::string whole = test::read(file);
    const int calls = count();
    BOOST_TEST(calls >= 6);
    const Finished again = failing("out", command + file, 0, "0", false, old);
    BOOST_TEST(again.status == 1);
    BOOST_TEST(has(again.output, file + "] got a file that is there"), again.output);
    for (int call = 1; call <= calls; ++call) {
      fs::remove(file);
      const Finished done = failing("out", command + file, call, text(EINTR), false, old);
      BOOST_TEST(done.status == 0, "call " << call << ": " << done.output);
      BOOST_TEST(test::read(file) == whole, "call " << call);
      int names = 0;
      for ([[maybe_unused]] const auto& entry : fs::directory_iterator(root / "out")) ++names;
      BOOST_TEST(names == 1, "call " << call);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(write_faults_slow, Faults)

// EBB_FAULT_STRIDE: every so many calls.
int stride() {
  const char* const stride = std::getenv("EBB_FAULT_STRIDE");
  return stride == nullptr ? 1 : std::stoi(stride);
}

BOOST_AUTO_TEST_CASE(every_call_fails_in_every_way) { check_all(stride()); }

BOOST_AUTO_TEST_CASE(every_call_of_every_command_fails_in_every_way) { check_commands(stride(), 700); }

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
