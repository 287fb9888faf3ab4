/// \file
/// Schedule: a pure function from the step to a multiplier, for learning rates and for lambda alike.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

namespace ebb {

/// A multiplier for each step. Step 0 is the first. A learning rate is base_lr * schedule(step), so peak and
/// multiplier stay known apart; decay rules ask for either.
class Schedule {
 public:
  /// 1 at every step.
  Schedule();

  /// A schedule of your own: `Schedule("sawtooth(10)", [](std::int64_t step) { return 1 - step % 10 / 10.0; })`.
  /// \param text how it prints, in reports and checkpoints.
  /// \param multiplier a pure function, called with steps >= 0.
  Schedule(std::string text, std::function<double(std::int64_t)> multiplier);

  /// The multiplier at `step` >= 0.
  double operator()(std::int64_t step) const { return multiplier_(step); }

  /// How it was made, e.g. "warmup(500, cosine(4190))".
  const std::string& text() const { return text_; }

  /// The multipliers of steps 0 .. steps-1, to plot.
  std::vector<double> series(std::int64_t steps) const;

 private:
  std::string text_;
  std::function<double(std::int64_t)> multiplier_;
};

/// Prints text().
std::ostream& operator<<(std::ostream& out, const Schedule& schedule);

/// The product, step by step.
Schedule operator*(const Schedule& a, const Schedule& b);

/// 1 at every step.
Schedule constant();

/// factor^(step / every), the quotient rounded down.
/// \throws Error unless every >= 1 and factor >= 0; so do all below for numbers that make no sense.
Schedule step_decay(std::int64_t every, double factor = 0.1);

/// factor^k once k of the `milestones` (ascending steps) are reached.
Schedule multi_step(std::vector<std::int64_t> milestones, double factor = 0.1);

/// factor^step.
Schedule exponential(double factor);

/// From 1 at step 0 to `end` at step `total`, as (1 - end) (1 - step/total)^power + end; `end` from then on.
Schedule polynomial(std::int64_t total, double power = 1, double end = 0);

/// From 1 at step 0 to `end` at step `total`: end + (1 - end) (1 + cos(pi step/total)) / 2; `end` from then on.
/// Loshchilov & Hutter 2017.
Schedule cosine(std::int64_t total, double end = 0);

/// Cosine that starts again after `period` steps, each period `growth` times as long as the last. SGDR, as above.
Schedule cosine_restarts(std::int64_t period, double growth = 1, double end = 0);

/// Linear from `start` at step 0 to 1 at step `steps`; from there on `then`, which counts its own steps from 0.
Schedule warmup(std::int64_t steps, Schedule then = constant(), double start = 0);

/// Options of one_cycle().
struct OneCycleOptions {
  double rising = 0.3;  ///< Share of the steps that rise.
  double start = 0.04;  ///< Multiplier at step 0.
  double end = 4e-6;    ///< Multiplier at step total-1 and later.
};

/// Rises from start to 1 and falls to end, both along a cosine; the peak stands at step rising*total - 1 and the
/// end at step total - 1, as PyTorch's OneCycleLR has it. Smith & Topin 2018.
Schedule one_cycle(std::int64_t total, OneCycleOptions options = {});

/// Options of one_cycle_momentum().
struct OneCycleMomentumOptions {
  double rising = 0.3;       ///< Share of the steps in which the lr rises, as of one_cycle().
  double low = 0.85 / 0.95;  ///< Multiplier where the lr is at its peak; at most 1.
};

/// The momentum beside one_cycle(): falls from 1 to low as the lr rises, and returns to 1, both along a cosine. The
/// `momentum_schedule` of an optimizer whose momentum (beta1) is the highest; of 0.95 with PyTorch's base_momentum.
Schedule one_cycle_momentum(std::int64_t total, OneCycleMomentumOptions options = {});

/// Linear from 0 to 1 in `rise` steps, 1 for `stable` steps, linear to `end` in `fall` steps, `end` from then on.
Schedule trapezoid(std::int64_t rise, std::int64_t stable, std::int64_t fall, double end = 0);

/// Each part for its number of steps, counting its own steps from 0; the last part goes on for ever.
Schedule chain(std::vector<std::pair<std::int64_t, Schedule>> parts);

/// Options of reduce-on-plateau, which Optimizer::observe() feeds.
struct PlateauOptions {
  double factor = 0.1;      ///< Multiplies the lr when the metric has stopped improving; in (0, 1).
  int patience = 10;        ///< Observations without improvement that are borne; the next one reduces.
  double threshold = 1e-4;  ///< Relative improvement that counts.
  int cooldown = 0;         ///< Observations after a reduction that are not counted.
  double smallest = 0;      ///< The multiplier never falls below this.
  bool maximize = false;    ///< True for metrics that should grow.
};

/// Reduce-on-plateau: a multiplier that depends on what was observed. Its state is plain data.
struct Plateau {
  PlateauOptions options = {};  ///< How it behaves.
  double multiplier = 1;        ///< What it multiplies the schedule by.
  double best = 0;              ///< Best metric so far; meaningless while seen is 0.
  std::int64_t seen = 0;        ///< Number of observations.
  std::int64_t bad = 0;         ///< Observations since the last improvement.
  std::int64_t cooling = 0;     ///< Observations still in cooldown.

  /// \throws Error when the metric is NaN; nothing is changed then.
  void observe(double metric);
};

}  // namespace ebb
