/// \file
/// What the ranks of a training cost it, measured and predicted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/nn/module.h"
#include "framework/parallel/communicator.h"
#include "lab/training/exchange_times.h"

namespace ebb {

/// A connection of ranks, as a line through two measurements.
struct Link {
  double latency = 0;           ///< Seconds that a call takes however little is sent.
  double bytes_per_second = 0;  ///< What a rank sends beyond that.
};

/// Measures how long messages take, by some small ones, the shortest of them, and some of one or eight mebibytes, their
/// median. All ranks get the figures of rank 0.
Link measure_link(parallel::Communicator& ranks);

/// The gradients that ranks sum up in a step.
struct GradientSize {
  std::vector<std::int64_t> buckets;  ///< Numbers in each message, the first one that is sent first.
  std::int64_t bytes_each = 4;        ///< Of a number.
};

/// As GradientSums cuts them. \pre parameters of one type.
GradientSize gradient_size(Module& model);

/// Bytes that rank `rank` sends in a step for its gradients.
std::int64_t bytes_sent(const GradientSize& gradient, int rank, int ranks, int shards);

/// Seconds of the sums of a step, where nothing else goes on: latency of two calls a bucket, and bytes over bandwidth.
double predicted_exchange(const Link& link, const GradientSize& gradient, int ranks, int shards);

/// Seconds that ranks wait for these sums: what does not fit into the `window` of a backward pass, and at least the
/// last bucket, which is complete at its end.
double predicted_exposed(const Link& link, const GradientSize& gradient, int ranks, int shards, double window);

/// What a rank has spent on its steps.
struct RankCost {
  std::string host;
  std::int64_t steps = 0;
  ExchangeTimes times;    ///< Of all steps.
  std::int64_t sent = 0;  ///< Bytes of gradients in a step.
};

/// What all ranks have spent, for all of them.
std::vector<RankCost> gather_costs(parallel::Communicator& ranks, const RankCost& own);

/// A line for each rank: what a step takes, how much of it is computing, waiting for slower ranks and waiting for
/// messages, what further time messages took beside computing, and bytes. Of the time that a rank waits, messages take
/// what the rank waits that waits least. Then the prediction: the slowest rank's computing and predicted_exposed().
std::vector<std::string> cost_lines(const std::vector<RankCost>& costs, const Link& link, const GradientSize& gradient,
                                    int shards);

}  // namespace ebb
