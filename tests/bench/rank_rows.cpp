#include "tests/bench/rank_rows.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <span>

#include "framework/parallel/mpi.h"
#include "framework/parallel/parallel.h"
#include "lab/training/rank_costs.h"
#include "lab/training/trainer.h"
#include "tests/bench/work.h"

namespace ebb {
namespace {

using Clock = std::chrono::steady_clock;

// A batch over and over.
class Repeated : public Dataset {
 public:
  Repeated(const Work& work, std::int64_t times) : batch_(work.images, work.labels, 10), times_(times) {}
  std::int64_t size() const override { return times_ * batch_.size(); }
  Shape sample_shape() const override { return batch_.sample_shape(); }
  std::int64_t classes() const override { return 10; }
  void read(std::span<const std::int64_t> indices, std::span<float> samples,
            std::span<std::int64_t> labels) const override {
    std::vector<std::int64_t> within;
    for (const std::int64_t i : indices) within.push_back(i % batch_.size());
    batch_.read(within, samples, labels);
  }

 private:
  TensorDataset batch_;
  std::int64_t times_;
};

double milliseconds(double seconds) { return 1e3 * seconds; }

void print_row(const std::string& model, std::int64_t batch, const RankRows& rows, parallel::MpiRanks* mpi,
               const Link& link) {
  parallel::Communicator& ranks = mpi != nullptr ? *mpi : parallel::alone();
  const Work work = make_work(model, batch);
  const Repeated samples(work, 100000);
  const TensorDataset few(work.images, work.labels, 10);
  const Loader train(samples, {.batch = batch, .shuffle = false}), judged(few, {.batch = batch, .shuffle = false});
  Sgd optimizer(*work.model, {.lr = 0, .momentum = 0.9});
  Trainer trainer(*work.model, optimizer, train, judged, {.epochs = 1, .shards = rows.shards, .overlap = rows.overlap},
                  ranks);
  const auto step = [&] {
    const auto begun = Clock::now();
    trainer.step();
    return std::chrono::duration<double>(Clock::now() - begun).count();
  };
  for (int warm = 0; warm < 2; ++warm) step();
  std::int64_t steps = std::clamp<std::int64_t>(std::llround(rows.seconds / step()), 5, 90000);
  ranks.broadcast(std::as_writable_bytes(std::span(&steps, 1)));
  const ExchangeTimes before = trainer.exchange_times();
  const std::int64_t sent_before = mpi != nullptr ? mpi->cost().sent : 0;
  std::vector<double> times;
  for (std::int64_t i = 0; i < steps; ++i) times.push_back(step());
  std::ranges::sort(times);
  const double median = times[times.size() / 2];
  const ExchangeTimes now = trainer.exchange_times();
  const RankCost own{.host = mpi != nullptr ? mpi->hosts()[static_cast<std::size_t>(mpi->rank())] : "",
                     .steps = steps,
                     .times = {.steps = now.steps - before.steps,
                               .exposed = now.exposed - before.exposed,
                               .hidden = now.hidden - before.hidden,
                               .window = now.window - before.window},
                     .sent = mpi != nullptr ? (mpi->cost().sent - sent_before) / steps : 0};
  const std::vector<RankCost> costs = gather_costs(ranks, own);
  if (ranks.rank() != 0) return;
  const GradientSize gradient = gradient_size(*work.model);
  if (!rows.json) {
    std::printf("%-10s %5lld  %3d shards  %3d ranks  %3d threads each  %9.2f ms  %10.0f images/s\n", model.c_str(),
                static_cast<long long>(batch), rows.shards, ranks.size(), parallel::thread_count(),
                milliseconds(median), static_cast<double>(batch) / median);
    for (const std::string& line : cost_lines(costs, link, gradient, rows.shards)) std::printf("  %s\n", line.c_str());
    std::fflush(stdout);
    return;
  }
  std::printf(
      "{\"model\": \"%s\", \"batch\": %lld, \"shards\": %d, \"ranks\": %d, \"threads\": %d, \"overlap\": %s, "
      "\"ms\": %.4f, \"images_per_s\": %.1f, \"latency_ms\": %.4f, \"mbit_per_s\": %.2f, \"each\": [",
      model.c_str(), static_cast<long long>(batch), rows.shards, ranks.size(), parallel::thread_count(),
      rows.overlap ? "true" : "false", milliseconds(median), static_cast<double>(batch) / median,
      milliseconds(link.latency), 8e-6 * link.bytes_per_second);
  for (std::size_t r = 0; r < costs.size(); ++r) {
    const RankCost& c = costs[r];
    const auto per_step = [&](double seconds) { return milliseconds(seconds / static_cast<double>(c.steps)); };
    std::printf("%s{\"ms\": %.4f, \"exposed_ms\": %.4f, \"hidden_ms\": %.4f, \"window_ms\": %.4f, \"bytes\": %lld}",
                r == 0 ? "" : ", ", per_step(c.times.steps), per_step(c.times.exposed), per_step(c.times.hidden),
                per_step(c.times.window), static_cast<long long>(c.sent));
  }
  std::printf("]}\n");
  std::fflush(stdout);
}

}  // namespace

void print_rank_rows(const RankRows& rows) {
  std::unique_ptr<parallel::MpiRanks> mpi;
  if (parallel::started_by_mpi()) mpi = std::make_unique<parallel::MpiRanks>();
  if (mpi && rows.threads == 0)
    parallel::set_thread_count(std::max<int>(
        1, parallel::thread_count() / static_cast<int>(std::ranges::count(mpi->hosts(), mpi->hosts().front()))));
  const Link link = mpi ? measure_link(*mpi) : Link{};
  for (const std::string& model : rows.models)
    for (const std::int64_t batch : rows.batches) print_row(model, batch, rows, mpi.get(), link);
}

}  // namespace ebb
