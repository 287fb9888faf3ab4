// Trainings on several processes in the background.
#pragma once

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/lab/mpi_launchers.h"

namespace ebb::test {

// The processes of this test's program for the training in `run`, found by their arguments: its ranks, and what watches
// over them.
struct Processes {
  std::vector<int> ranks, watches;
  bool none() const { return ranks.empty() && watches.empty(); }
};

inline Processes processes_and_watches(const std::string& run) {
  Processes out;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::string line, called;
    try {
      line = test::read(entry.path() / "cmdline");
      called = test::read(entry.path() / "comm");
    } catch (const std::ios_base::failure&) {  // it has ended meanwhile
      continue;
    }
    std::ranges::replace(line, '\0', ' ');
    if (line.starts_with(EBB_PROGRAM) && has(line, run + " "))
      (has(called, "watch") ? out.watches : out.ranks).push_back(std::stoi(name));
  }
  return out;
}

inline std::vector<int> processes(const std::string& run) { return processes_and_watches(run).ranks; }

// A training in the background.
class Job {
 public:
  Job(const std::string& command, const std::filesystem::path& output)
      : output_(output),
        status_(std::filesystem::path(output).concat(".status")),
        number_(std::filesystem::path(output).concat(".number")) {
    std::filesystem::remove(status_);
    std::filesystem::remove(number_);
    const std::string line = text("( ", command, " >", output.string(), " 2>&1 </dev/null & echo $! >",
                                  number_.string(), "; wait $!; echo $? >", status_.string(), " ) 2>/dev/null &");
    BOOST_REQUIRE(std::system(line.c_str()) == 0);
  }

  // Process of the launcher.
  int launcher() const {
    while (!has(test::read(number_), "\n")) nap();
    return std::stoi(test::read(number_));
  }

  bool ended() const { return has(test::read(status_), "\n"); }

  // Its end; fails when that takes longer than `seconds`.
  Finished finish(int seconds = 300) const {
    for (int i = 0; i < seconds * 50 && !has(test::read(status_), "\n"); ++i) nap();
    const std::string status = test::read(status_);
    BOOST_REQUIRE_MESSAGE(has(status, "\n"), "still running: " << test::read(output_));
    return {std::stoi(status), test::read(output_)};
  }

  static void nap() { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }

 private:
  std::filesystem::path output_, status_, number_;
};

// Waits until nothing of a job is left.
inline bool all_gone(const std::string& run) {
  const auto gone = [&] { return processes_and_watches(run).none(); };
  for (int i = 0; i < 1500 && !gone(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  return gone();
}

inline std::string cut(int epochs = 2) {
  return text("--epochs ", epochs, " --threads 1 --set shards=4 --set log_every=3 ");
}

}  // namespace ebb::test
