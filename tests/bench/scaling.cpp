#include "tests/bench/scaling.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "framework/parallel/parallel.h"
#include "tests/bench/work.h"

namespace ebb {
namespace {

using Clock = std::chrono::steady_clock;

struct Net {
  const char* name;
  const char* model;
  std::optional<std::vector<std::int64_t>> hidden;
  std::array<std::int64_t, 5> batches;
};

const Net nets[] = {{"linear", "linear", {}, {1, 4, 16, 64, 256}},
                    {"mlp 16", "mlp", std::vector<std::int64_t>{16}, {1, 4, 16, 64, 256}},
                    {"mlp 128, 128", "mlp", std::vector<std::int64_t>{128, 128}, {1, 4, 16, 64, 256}},
                    {"lenet", "lenet", {}, {1, 4, 16, 64, 256}},
                    {"resnet8", "resnet8", {}, {1, 2, 4, 8, 16}},
                    {"wrn-10-1", "wrn-10-1", {}, {1, 2, 4, 8, 16}}};

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double median(std::vector<double>& times) {
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::ranges::nth_element(times, middle);
  return *middle;
}

// Median times of a step with one thread and with `threads`, in `turns` turns that each begin with `warm` steps.
std::array<double, 2> step_times(const Work& work, int threads, double seconds, int turns, int warm) {
  // Any other rate would soon fit one image.
  Sgd optimizer(*work.model, {.lr = 0, .momentum = 0.9});
  std::array<std::vector<double>, 2> times;
  for (int turn = 0; turn < 2 * turns; ++turn) {
    parallel::set_thread_count(turn % 2 == 0 ? 1 : threads);
    for (int i = 0; i < warm; ++i) work.train(optimizer);
    const auto start = Clock::now();
    do {
      const auto begin = Clock::now();
      work.train(optimizer);
      times[static_cast<std::size_t>(turn % 2)].push_back(seconds_since(begin));
    } while (seconds_since(start) < seconds / (2 * turns));
  }
  return {median(times[0]), median(times[1])};
}

}  // namespace

void print_scaling_rows(int threads, double seconds, bool json) {
  double worst = 0;
  for (const Net& net : nets) {
    for (const std::int64_t batch : net.batches) {
      const auto [alone, together] = step_times(make_work(net.model, batch, net.hidden), threads, seconds, 10, 3);
      worst = std::max(worst, together / alone);
      std::printf(json ? "{\"net\": \"%s\", \"batch\": %lld, \"threads\": %d, \"one_thread_us\": %.1f, "
                         "\"threads_us\": %.1f, \"ratio\": %.3f}\n"
                       : "%-12s %4lld  %d threads  %9.1f us with one  %9.1f us  ratio %.2f\n",
                  net.name, static_cast<long long>(batch), threads, alone * 1e6, together * 1e6, together / alone);
      std::fflush(stdout);
    }
  }
  if (!json) std::printf("largest ratio %.2f\n", worst);
}

void print_speedup(const std::string& model, std::int64_t batch, int threads, double seconds, bool json) {
  const auto [alone, together] = step_times(make_work(model, batch), threads, seconds, 6, 1);
  std::printf(json ? "{\"model\": \"%s\", \"batch\": %lld, \"threads\": %d, \"one_thread_ms\": %.2f, "
                     "\"threads_ms\": %.2f, \"speedup\": %.3f}\n"
                   : "%-12s %4lld  %d threads  %9.2f ms with one  %9.2f ms  %.2f times as fast\n",
              model.c_str(), static_cast<long long>(batch), threads, alone * 1e3, together * 1e3, alone / together);
  std::fflush(stdout);
}

}  // namespace ebb
