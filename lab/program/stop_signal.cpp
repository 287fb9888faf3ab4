#include "lab/program/stop_signal.h"

#include "lab/program/end_signal.h"

namespace ebb {
namespace {

constexpr std::array caught_signals{SIGINT, SIGTERM, SIGHUP};
volatile std::sig_atomic_t came = 0;

extern "C" void remember(int signal) {
  came = signal;
  // Whichever comes next ends the process; those that are ignored stay so.
  for (const int each : caught_signals) {
    struct sigaction current {};
    if (::sigaction(each, nullptr, &current) == 0 && current.sa_handler == remember)
      ::signal(each, end_without_temporaries);
  }
}

}  // namespace

StopSignal::StopSignal() {
  came = 0;
  struct sigaction action {};
  action.sa_handler = remember;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < caught_signals.size(); ++i) {
    sigaction(caught_signals[i], nullptr, &former_[i]);
    // A signal that the parent ignores (nohup) stays ignored.
    if (former_[i].sa_handler != SIG_IGN) sigaction(caught_signals[i], &action, nullptr);
  }
}

StopSignal::~StopSignal() {
  for (std::size_t i = 0; i < caught_signals.size(); ++i) sigaction(caught_signals[i], &former_[i], nullptr);
}

int StopSignal::requested() { return came; }

}  // namespace ebb
