#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>

#include "framework/parallel/parallel.h"
#include "tests/bench/work.h"

namespace ebb {
namespace {

// The start time of the process, field 22 of its stat file in ticks (proc(5)), against the same clock.
double seconds_since_start_of_process() {
  std::ifstream file("/proc/self/stat");
  const std::string all{std::istreambuf_iterator<char>(file), {}};
  std::istringstream rest(all.substr(all.rfind(')') + 1));
  std::string field;
  for (int k = 3; k <= 22; ++k) rest >> field;
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec) -
         std::stod(field) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

void print_start(const std::string& model, std::int64_t batch, int steps) {
  const Work work = make_work(model, batch);
  Sgd optimizer(*work.model, {.lr = 0.01, .momentum = 0.9});
  double first = 0;
  for (int step = 0; step < steps; ++step) {
    work.train(optimizer);
    if (step == 0) first = seconds_since_start_of_process();
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf(
      "{\"model\": \"%s\", \"batch\": %lld, \"threads\": %d, \"first_step_s\": %.3f, \"peak_resident_mib\": %.0f}\n",
      model.c_str(), static_cast<long long>(batch), parallel::thread_count(), first,
      static_cast<double>(usage.ru_maxrss) / 1024);
}

}  // namespace ebb
