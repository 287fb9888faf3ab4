/// \file
/// ShardedBatch: loss and gradient of a batch that is cut into shards. Private to the trainer.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/loader.h"
#include "framework/nn/layer.h"
#include "framework/parallel/shard_tree.h"
#include "lab/training/gradient_sums.h"
#include "lab/training/lockstep.h"
#include "lab/training/train_observer.h"
#include "lab/training/trainer.h"

namespace ebb {

/// What a batch adds up to.
struct BatchSums {
  double loss = 0;           ///< Mean over the samples.
  std::int64_t hits = 0;     ///< Right answers.
  std::int64_t samples = 0;  ///< All.
  bool stop = false;         ///< A rank wishes to stop.
};

/// Those of rank 4: convolutions transform their filters once for all shards of a batch.
std::vector<Tensor> filters_of(const std::vector<Parameter*>& parameters);

/// Computes batches shard by shard, each rank its own. What depends on the cut, and what on the batch as a whole,
/// stands in docs/distributed.md; nothing depends on the ranks.
class ShardedBatch {
 public:
  /// Model, options and ranks must outlive it.
  ShardedBatch(Layer& model, const TrainerOptions& options, parallel::Communicator& ranks);
  ~ShardedBatch();

  /// What is needed of every batch: the rank's shards of `train`.
  Loader own_part(const Loader& train) const;

  /// Adds the gradient of the batch's mean loss to Parameter::grad() and takes the batch into running statistics and
  /// counters, as a pass of the whole batch would; where the loss is not finite it leaves gradients and statistics.
  /// \param batch as a loader that own_part() gives makes it. \param samples of the whole batch.
  /// \param stop this rank's wish, which a rank without samples cannot tell.
  /// \param tell is told of the phases forward and backward.
  BatchSums run(const Batch& batch, std::int64_t samples, bool stop, const std::function<void(TrainPhase)>& tell);

  /// As find_non_finite() of guard.h: of the first shard that has such a number, which is named. The same on all ranks.
  std::string find_non_finite(const Batch& batch, std::int64_t samples);

  /// What sums over ranks have cost so far.
  ExchangeTimes times() const;

 private:
  struct Part;
  class Pass;
  class Gathered;
  using Tree = parallel::ShardTree<double>;

  void cut(std::int64_t samples);
  void go_through(const std::function<void(std::size_t)>& pass, const std::function<void(Part&)>& done);
  void enter(Part& part);
  void leave(Part& part);
  void exchange(std::size_t number, Tree& tree, std::span<double> numbers);
  std::span<double> finish(Tree& tree);
  void compute(std::size_t number, const Batch& batch, const std::function<void(TrainPhase)>& tell);
  void add_gradient(Part& part);
  std::vector<double> add_up(bool stop);
  void take_moments();
  void end_buffers();
  void restore_buffers();

  Layer& model_;
  const TrainerOptions& options_;
  parallel::Communicator& ranks_;
  bool together_;
  bool overlaps_;                                // gradients are sent while the last own shard's backward pass goes on
  std::vector<Parameter*> parameters_, active_;  // all, and those that are not frozen at this batch
  std::vector<Tensor*> buffers_;                 // of layers that are no batch norm
  std::vector<Tensor> buffers_before_;           // at the batch's beginning
  bool broadcasts_ = false;                      // whether some of them are more than counters

  // Of the batch at hand.
  parallel::Shards shards_;
  std::vector<std::unique_ptr<Part>> parts_;  // the rank's shards with samples; one without where it has none
  bool bad_ = false;                          // a loss is not finite

  Lockstep lockstep_;
  GradientSums gradients_;
  Tree sums_, moments_;
  double exchanging_ = 0;  // seconds in sums other than those of gradients
};

}  // namespace ebb
