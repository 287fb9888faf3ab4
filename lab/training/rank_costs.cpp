#include "lab/training/rank_costs.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <functional>
#include <span>
#include <sstream>

#include "framework/parallel/shard_tree.h"
#include "framework/tensor/text.h"
#include "lab/format/numbers.h"
#include "lab/training/gradient_sums.h"

namespace ebb {
namespace {

// Seconds of `call` behind `prepare`, of the rank that it takes longest, from the shortest to the longest of some.
std::vector<double> times(parallel::Communicator& ranks, int count, const std::function<void()>& prepare,
                          const std::function<void()>& call) {
  std::vector<double> out;
  for (int i = 0; i < count; ++i) {
    prepare();
    ranks.gather_texts("ready");
    const auto begun = std::chrono::steady_clock::now();
    call();
    const double own = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    double& longest = out.emplace_back(0);
    for (const std::string& one : ranks.gather_texts(text(own))) longest = std::max(longest, std::stod(one));
  }
  std::ranges::sort(out);
  return out;
}

std::string milliseconds(double seconds) { return text(significant(1e3 * seconds, 3), " ms"); }

}  // namespace

Link measure_link(parallel::Communicator& ranks) {
  if (ranks.size() == 1) return {};
  constexpr std::int64_t some = 262144, many = 8 * some;
  const auto count = static_cast<int>(std::bit_ceil(static_cast<unsigned>(ranks.size())));
  const parallel::Shards shards{count, count};
  const auto [begin, end] = parallel::shards_of(ranks.rank(), ranks.size(), count);
  const std::vector<float> zeros(many);
  parallel::ShardTree<float> tree;
  const auto sum_of = [&](std::int64_t numbers) {
    const auto begin_sum = [&] {
      tree.begin(shards, ranks, numbers);
      for (int s = begin; s < end; ++s) tree.add(s, std::span(zeros).first(static_cast<std::size_t>(numbers)));
    };
    return times(ranks, 5, begin_sum, [&] { tree.finish(); })[2];
  };
  // A text takes two calls.
  const auto nothing = [] {};
  const double small = times(ranks, 20, nothing, [&] { ranks.gather_texts("ready"); }).front() / 2;
  std::int64_t numbers = some;
  double large = sum_of(numbers);
  // What is over this soon may have gone through a network's buffers. All ranks decide alike.
  if (large < 0.05) large = sum_of(numbers = many);
  double most = 0;
  for (int r = 0; r < ranks.size(); ++r)
    most = std::max(most, static_cast<double>(parallel::bytes_of_sum(r, ranks.size(), count, numbers, 4)));
  return {.latency = small, .bytes_per_second = most / std::max(large / 2, large - 2 * small)};
}

GradientSize gradient_size(Module& model) {
  GradientSize out;
  std::vector<Parameter*> active;
  for (Parameter* const p : model.parameters())
    if (!p->frozen()) active.push_back(p);
  for (const std::vector<std::size_t>& bucket : gradient_buckets(active)) {
    out.buckets.push_back(0);
    for (const std::size_t i : bucket) out.buckets.back() += active[i]->shape().size();
    out.bytes_each = static_cast<std::int64_t>(size_of(active[bucket.front()]->value().dtype()));
  }
  return out;
}

std::int64_t bytes_sent(const GradientSize& gradient, int rank, int ranks, int shards) {
  std::int64_t out = 0;
  for (const std::int64_t width : gradient.buckets)
    out += parallel::bytes_of_sum(rank, ranks, shards, width, gradient.bytes_each);
  return out;
}

double predicted_exchange(const Link& link, const GradientSize& gradient, int ranks, int shards) {
  std::int64_t most = 0;
  for (int r = 0; r < ranks; ++r) most = std::max(most, bytes_sent(gradient, r, ranks, shards));
  return 2 * link.latency * static_cast<double>(gradient.buckets.size()) +
         static_cast<double>(most) / link.bytes_per_second;
}

double predicted_exposed(const Link& link, const GradientSize& gradient, int ranks, int shards, double window) {
  if (gradient.buckets.empty()) return 0;
  const GradientSize last{.buckets = {gradient.buckets.back()}, .bytes_each = gradient.bytes_each};
  return std::max(predicted_exchange(link, last, ranks, shards),
                  predicted_exchange(link, gradient, ranks, shards) - window);
}

std::vector<RankCost> gather_costs(parallel::Communicator& ranks, const RankCost& own) {
  std::vector<RankCost> out;
  for (const std::string& line :
       ranks.gather_texts(text(own.steps, ' ', own.times.steps, ' ', own.times.exposed, ' ', own.times.hidden, ' ',
                               own.times.window, ' ', own.sent, ' ', own.host))) {
    RankCost& cost = out.emplace_back();
    std::istringstream(line) >> cost.steps >> cost.times.steps >> cost.times.exposed >> cost.times.hidden >>
        cost.times.window >> cost.sent >> cost.host;
  }
  return out;
}

std::vector<std::string> cost_lines(const std::vector<RankCost>& costs, const Link& link, const GradientSize& gradient,
                                    int shards) {
  std::vector<std::string> out;
  if (costs.size() < 2 || costs.front().steps == 0) return out;
  const auto steps = static_cast<double>(costs.front().steps);
  const double messages = std::ranges::min(costs, {}, [](const RankCost& c) { return c.times.exposed; }).times.exposed;
  double computing = 0, window = 0, measured = 0;
  for (std::size_t r = 0; r < costs.size(); ++r) {
    const RankCost& c = costs[r];
    out.push_back(text("rank ", r, " on ", c.host, ": a step takes ", milliseconds(c.times.steps / steps), ": ",
                       milliseconds((c.times.steps - c.times.exposed) / steps), " computing, ",
                       milliseconds((c.times.exposed - messages) / steps), " waiting for slower ranks, ",
                       milliseconds(messages / steps), " waiting for messages; another ",
                       milliseconds(c.times.hidden / steps), " of messages beside computing; ", grouped(c.sent),
                       " bytes of gradients sent"));
    measured = std::max(measured, c.times.steps / steps);
    if (computing > (c.times.steps - c.times.exposed) / steps) continue;
    computing = (c.times.steps - c.times.exposed) / steps;
    window = c.times.window / steps;
  }
  const double exposed = predicted_exposed(link, gradient, static_cast<int>(costs.size()), shards, window);
  out.push_back(text("predicted by ", milliseconds(link.latency), " a message and ",
                     significant(8e-6 * link.bytes_per_second, 3),
                     " Mbit/s as measured at the start: ", milliseconds(computing + exposed), " a step, ",
                     milliseconds(exposed), " of it for messages; measured ", milliseconds(measured)));
  return out;
}

}  // namespace ebb
