// Signals that ask a training to stop.
#pragma once

#include <array>
#include <csignal>

namespace ebb {

// While it lives, the first SIGINT, SIGTERM or SIGHUP of the process only sets requested(); the second one ends the
// process as if nobody had caught it, without its temporary files. One at a time.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();  // Puts the former handlers back.
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  static int requested();  // The number of the signal that came, 0 for none.

 private:
  std::array<struct sigaction, 3> former_{};
};

}  // namespace ebb
