/// \file
/// GradientSums: the gradient of a batch, summed over its shards piece by piece. Private to the trainer.
#pragma once

#include <chrono>
#include <memory>
#include <unordered_map>
#include <vector>

#include "framework/autograd/parameter.h"
#include "framework/parallel/communication_thread.h"
#include "framework/parallel/shard_tree.h"
#include "lab/training/exchange_times.h"

namespace ebb {

/// How gradients are cut into buckets, each numbered by the parameters that it has, the last ones in bucket 0.
/// \param parameters in their order.
std::vector<std::vector<std::size_t>> gradient_buckets(const std::vector<Parameter*>& parameters);

/// Adds up gradients over shards in buckets of some 4 MiB, those of the last parameters first. Gradients of a rank's
/// last shard may come one by one: each bucket then goes to the other ranks as soon as it is complete, by a thread of
/// its own. All ranks sum the buckets in one order, so some may do so and others not.
class GradientSums {
 public:
  explicit GradientSums(parallel::Communicator& ranks);
  ~GradientSums();

  /// Begins a batch. \param parameters that may get a gradient.
  void begin(const parallel::Shards& shards, const std::vector<Parameter*>& parameters);

  /// Takes the gradients of a shard of this rank, in the order of the parameters; one that is undefined counts as
  /// zeros.
  void add(int shard, const std::vector<Tensor>& gradients);

  /// Takes those of this rank's last shard one by one: between begin_last() and the add() of that shard, complete() for
  /// those that are ready in Parameter::grad().
  void begin_last(int shard);
  void complete(const Parameter& parameter);

  /// Waits for the sums, on all ranks. \throws what an exchange throws.
  void finish();

  /// Ends exchanges that are under way, since the pass has failed: no sum comes of it.
  void abandon();

  /// The sum for a parameter, after finish().
  Tensor sum(std::size_t parameter) const;

  const ExchangeTimes& times() const { return times_; }  ///< Of all batches.

 private:
  using Clock = std::chrono::steady_clock;
  struct Bucket;

  void cut(const std::vector<Parameter*>& parameters);
  void set(std::size_t parameter, const Tensor& gradient);
  void post();

  parallel::Communicator& ranks_;
  std::vector<Parameter*> parameters_;
  std::unordered_map<const Parameter*, std::size_t> places_;
  std::vector<std::unique_ptr<Bucket>> buckets_;
  std::vector<std::size_t> bucket_of_;  // for each parameter
  Clock::time_point last_begun_;
  int last_ = -1;               // the shard whose gradients come one by one
  std::vector<bool> complete_;  // of that shard
  std::size_t posted_ = 0;      // buckets that the thread has
  double busy_before_ = 0;      // seconds of the thread, at the batch's beginning
  parallel::CommunicationThread thread_;
  ExchangeTimes times_;
};

}  // namespace ebb
