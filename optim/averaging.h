/// \file
/// Averages of weights over steps: exponential moving averages, plain means, and Lookahead. Objects beside an
/// optimizer:
///
/// <!-- code: tests/docs/header_examples_test.cpp average -->
/// ```cpp
/// optimizer.step();
/// average.update();
/// ```
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/nn/module.h"
#include "optim/optimizer.h"

namespace ebb {

/// What Ema and Swa share: an average of a model's parameters and floating-point buffers (running statistics included)
/// over the calls of update().
class WeightAverage {
 public:
  /// Exchanges the average with the model's values: once to evaluate the average, once more to go on. Needs no memory.
  void swap();

  std::int64_t updates() const { return updates_; }  ///< Calls of update().

  /// Copies of the averages by path.
  State averages() const;

  /// averages(), with "updates".
  State state() const;

  /// \throws Error when names or shapes differ, or the counter is out of range; nothing is changed then.
  void load_state(const State& state);

 protected:
  /// Starts from the values as they are.
  WeightAverage(const char* name, Module& model);
  ~WeightAverage() = default;

  /// average += share (value - average), so that a value that stays, such as a frozen one, is its own average to the
  /// bit; the next update().
  void take(double share);

 private:
  struct Entry {
    std::string path;
    Tensor* value;
    Tensor average;
  };
  const char* name_;
  std::vector<Entry> entries_;
  std::int64_t updates_ = 0;
};

/// Options of Ema.
struct EmaOptions {
  double keep = 0.999;  ///< Share of the old average that stays in an update.
  bool warm_up = true;  ///< Use min(keep, (1 + t) / (10 + t)) at update t, so that the start is forgotten.
};

/// An exponential moving average: average += (1 - keep) (value - average). Polyak averaging as in
/// https://www.tensorflow.org/api_docs/python/tf/train/ExponentialMovingAverage, where warm_up is num_updates.
class Ema : public WeightAverage {
 public:
  /// Starts from the values as they are. The model must outlive it.
  /// \throws Error unless 0 <= keep < 1.
  explicit Ema(Module& model, EmaOptions options = {});

  /// Takes the values in as they are; call it after each step.
  void update();

 private:
  EmaOptions options_;
};

/// The mean of the values at all calls of update(), each with the same weight: stochastic weight averaging, Izmailov et
/// al. 2018, https://arxiv.org/abs/1803.05407. Weights that were averaged need statistics of their own:
///
/// <!-- code: tests/docs/header_examples_test.cpp swa -->
/// ```cpp
/// for (int epoch = 0; epoch < 100; ++epoch) {
///   train(epoch);                       // with a constant or cyclic learning rate towards the end
///   if (epoch >= 75) average.update();  // so a mean of 25
/// }
/// average.swap();
/// update_batch_norm(model, pass_over_training_data);  // framework/nn/update_batch_norm.h
/// ```
class Swa : public WeightAverage {
 public:
  /// Has nothing to average yet. The model must outlive it.
  explicit Swa(Module& model);

  /// Takes the values in as they are.
  void update();
};

/// Options of Lookahead.
struct LookaheadOptions {
  int every = 5;       ///< Steps between two synchronisations.
  double alpha = 0.5;  ///< How far the slow weights go towards the fast ones.
};

/// Slow weights that follow the optimizer's: every k-th call, slow += alpha (w - slow) and w = slow.
/// Zhang et al. 2019, https://arxiv.org/abs/1907.08610. The optimizer's momentum is kept.
class Lookahead {
 public:
  /// Slow weights start from the values as they are. The optimizer must outlive it.
  /// \throws Error unless every >= 1 and 0 < alpha <= 1.
  explicit Lookahead(Optimizer& optimizer, LookaheadOptions options = {});

  /// Call it after each step that updated something.
  /// \returns whether the weights were synchronised.
  bool update();

  /// Copies of the slow weights by path; with "calls".
  State state() const;

  /// \throws Error when names or shapes differ, or the counter is out of range; nothing is changed then.
  void load_state(const State& state);

 private:
  struct Entry {
    std::string path;
    Parameter* parameter;
    Tensor slow;
  };
  std::vector<Entry> entries_;
  LookaheadOptions options_;
  std::int64_t calls_ = 0;
};

}  // namespace ebb
