// Processes that run trials: private to the runner.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "framework/io/descriptor.h"

namespace ebb {

// What a worker is asked for.
struct TrialJob {
  std::size_t arm = 0;  // number in arms_of()
  std::uint64_t pair = 1;
};

// What became of it.
struct TrialReport {
  TrialJob job;
  std::string problem;  // empty: done
};

// Child processes with one thread each, started when there is work for them. They end with this object, idle ones as
// programs do, and with this process however it ends.
class Workers {
 public:
  // \param command arguments of this very program, its name first, that make it serve_trials().
  Workers(std::vector<std::string> command, int count);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  bool has_free() const;  // whether give() may be called
  bool has_busy() const;  // whether wait() can report anything

  // \throws Error when no process can be started.
  void give(const TrialJob& job);

  // The next report, or nothing after `milliseconds`. A process that died has failed its trial; another one takes its
  // place.
  std::optional<TrialReport> wait(int milliseconds);

 private:
  struct Worker {
    pid_t process = -1;
    Descriptor socket = {};
    std::optional<TrialJob> job = {};
    std::string heard = {};
  };
  void start(Worker& worker);
  std::string end_of(Worker& worker);

  std::vector<std::string> command_;
  std::vector<Worker> workers_;
};

// The other side: runs what standard input asks for until that ends. Standard output goes to standard error meanwhile.
// \param run makes the trial and writes its file. \returns the exit status.
int serve_trials(const std::function<void(const TrialJob&)>& run);

}  // namespace ebb
