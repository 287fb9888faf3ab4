// Every write-side system call of a short run fails once: nothing that was saved is lost, and the run can go on.
#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <iterator>

#include "lab/runs/checkpoints.h"
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
    return train(out, "--epochs 2 --set save_steps=5 --set log_every=2 --threads 1");
  }

  // The program, call number `call` of those that write below the run directory failing as `how` says.
  Finished failing(const std::string& out, int call, const std::string& how, bool all = false) const {
    return test::shell(text("EBB_FAIL_BELOW=", (root / out).string(), " EBB_FAIL_CALL=", call, " EBB_FAIL_HOW=", how,
                            all ? " EBB_FAIL_ALL=1" : "", " EBB_FAIL_COUNT=", (root / "count").string(),
                            " LD_PRELOAD=", EBB_FAILING_WRITES, " ", test::program(), arguments(out)));
  }

  int calls_of_a_run() const {
    const Finished whole = failing("whole", 0, "0");
    BOOST_REQUIRE(whole.status == 0);
    int count = 0;
    std::ifstream(root / "count") >> count;
    BOOST_TEST(count > 60);
    return count;
  }

  void check(int call, const std::string& how, const std::string& cause, bool all = false) {
    const std::string out = text("run-", call, '-', how, all ? "-all" : "");
    const Finished done = failing(out, call, how, all);
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

  void check_all(int stride) {
    const int calls = calls_of_a_run();
    struct Kind {
      std::string how, cause;
      bool all;  // every call from that one on, in half of the runs
    };
    const Kind kinds[] = {{text(ENOSPC), "No space left on device", true},
                          {text(EIO), "Input/output error", false},
                          {text(EDQUOT), "Disk quota exceeded", true},
                          {text(EROFS), "Read-only file system", true},
                          {text(EINTR), "Interrupted system call", false},
                          {"short", "", false},
                          {"kill", "", false}};
    const int count = static_cast<int>(std::size(kinds));
    int checked = 0;
    for (int call = 1; call <= calls; ++call)
      for (int kind = 0; kind < count; ++kind) {
        // The kinds begin at different places, so that few runs see every kind.
        if (call % stride != kind * stride / count + stride / (2 * count)) continue;
        check(call, kinds[kind].how, kinds[kind].cause, kinds[kind].all && call / stride % 2 == 0);
        ++checked;
      }
    std::cout << checked << " failing calls of " << calls << ", " << count << " kinds: nothing saved was lost\n";
  }
};

BOOST_FIXTURE_TEST_SUITE(write_faults, Faults)

BOOST_AUTO_TEST_CASE(some_calls_fail) { check_all(150); }

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(write_faults_slow, Faults)

// EBB_FAULT_STRIDE: every so many calls.
BOOST_AUTO_TEST_CASE(every_call_fails_in_every_way) {
  const char* const stride = std::getenv("EBB_FAULT_STRIDE");
  check_all(stride == nullptr ? 1 : std::stoi(stride));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
