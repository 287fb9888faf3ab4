#include "lab/program/end_signal.h"

#include <csignal>

#include "framework/io/atomic_file.h"

namespace ebb {

extern "C" void end_without_temporaries(int signal) {
  remove_own_temporaries();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void take_temporaries_along() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction former {};
    if (::sigaction(signal, nullptr, &former) == 0 && former.sa_handler == SIG_DFL)
      std::signal(signal, end_without_temporaries);
  }
}

}  // namespace ebb
