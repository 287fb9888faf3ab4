// Processor time of training steps without an observer, with one that never wants to look, and with an automatic
// diagnosis, in turns: observed_steps MODEL BATCH ROUNDS [THREADS] [SECONDS of a turn]
//
// A line of JSON for each round, with the seconds of an update without and with an idle observer, and of a step without
// and with a diagnosis; observers come and go between turns of one
// training, so that all see the same memory. Other guests of a machine slow it for seconds at a time: turns are short.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <vector>

#include "framework/nn/summary.h"
#include "framework/parallel/parallel.h"
#include "lab/diagnose/diagnostics.h"
#include "tests/bench/work.h"

using namespace ebb;

namespace {

struct Idle : StepObserver {
  bool wants(std::int64_t /*step*/) override { return false; }
};

double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

// As `ebb train --diagnose` counts it.
double step_work(const Work& work) {
  return 3 * static_cast<double>(summary(*work.model, work.input.with(0, 1)).multiply_adds) *
         static_cast<double>(work.input[0]);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "observed_steps MODEL BATCH ROUNDS [THREADS] [SECONDS]\n");
    return 2;
  }
  const std::int64_t batch = std::max(1, std::atoi(argv[2]));
  const int rounds = std::max(1, std::atoi(argv[3]));
  parallel::set_thread_count(argc > 4 ? std::max(1, std::atoi(argv[4])) : 1);
  const double turn = argc > 5 ? std::atof(argv[5]) : 0.5;
  const Work work = make_work(argv[1], batch);
  // Any other rate would soon fit the one batch.
  Sgd optimizer(*work.model, {.lr = 0, .momentum = 0.9, .decay = coupled_l2(1e-4)});
  const Audit audited = audit(*work.model, work.images, work.labels, &optimizer, {.probe = false});
  const DiagnoseOptions options{.step_work = step_work(work)};
  const std::int64_t every = interval_for(optimizer, options);

  const auto update_seconds = [&] {
    const double start = processor_seconds();
    optimizer.step();
    return processor_seconds() - start;
  };
  // Whole intervals from one measurement to the next, as many as fill a turn.
  for (int i = 0; i < 3; ++i) work.train(optimizer);
  const double begin = processor_seconds();
  for (std::int64_t i = 0; i < every; ++i) work.train(optimizer);
  const double interval = std::max(1e-6, processor_seconds() - begin);
  const std::int64_t steps = every * std::max<std::int64_t>(1, static_cast<std::int64_t>(turn / interval + 0.5));
  const auto step_seconds = [&] {
    for (std::int64_t i = 0; i < every; ++i) work.train(optimizer);  // takes its memory
    const double start = processor_seconds();
    for (std::int64_t i = 0; i < steps; ++i) work.train(optimizer);
    return (processor_seconds() - start) / static_cast<double>(steps);
  };
  for (int round = 0; round < rounds; ++round) {
    // The optimizer alone knows observers: updates in the order ABBA, their medians.
    constexpr std::size_t pairs = 200;
    std::array<std::vector<double>, 2> single;
    work.make_gradients();
    for (std::size_t i = 0; i < 2 * pairs; ++i) {
      const std::size_t arm = (i + i / 2) % 2;
      Idle idle;
      if (arm == 1) optimizer.add(idle);
      single[arm].push_back(update_seconds());
      optimizer.remove(idle);
    }
    optimizer.zero_grad();
    std::array<double, 2> seconds{};
    for (const int i : {0, 1}) {
      const int arm = (round + i) % 2;
      std::unique_ptr<Diagnostics> diagnostics;
      if (arm == 1) diagnostics = std::make_unique<Diagnostics>(optimizer, audited, options);
      seconds[static_cast<std::size_t>(arm)] = step_seconds();
    }
    std::printf(
        "{\"model\": \"%s\", \"batch\": %lld, \"every\": %lld, \"steps\": %lld, \"update_s\": %.9g, "
        "\"idle_s\": %.9g, \"plain_s\": %.9g, \"diagnosed_s\": %.9g}\n",
        argv[1], static_cast<long long>(batch), static_cast<long long>(every), static_cast<long long>(steps),
        median(single[0]), median(single[1]), seconds[0], seconds[1]);
    std::fflush(stdout);
  }
}
