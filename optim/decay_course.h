/// \file
/// What decay does over a whole run, computed ahead from schedules and windows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "optim/optimizer.h"

namespace ebb {

/// What decay does to a group in a run, by schedules alone: the same before the first step and after a resume. What
/// observed gradients or a plateau decide is not in it. With toward_start() read "distance from the start" for
/// "weight".
struct DecayCourse {
  double lr = 0;          ///< Largest learning rate: that of the schedule's peak.
  double shrink = 0;      ///< Largest share of a weight that a step takes; for coupled kinds in the mean, see below.
  std::int64_t step = 0;  ///< The step of that share.
  StepContext peak = {};  ///< Its numbers; where no share is known, or nothing decays, those of the largest lr.
  double multiplier = 1;  ///< What the worst step multiplies a weight by: 1 - shrink, or less far from 1.
  double gain = 1;        ///< Coupled kinds: what momentum makes of the decay, 1 / (1 - mu) for SGD.
  double coupled = 0;     ///< Coupled kinds: the lambda of decoupled_lr with that share.
  double pull = 0;        ///< L1 parts: what the step that takes most takes off every weight.
  bool grows = false;     ///< Whether decay alone makes weights grow without bound at its worst step.
  bool depends = false;   ///< Whether it depends on the gradients, so that shrink and left are not known.
  bool rounded = false;   ///< Whether left and reach are computed from some steps only: of more than some millions.
  std::optional<double> left = {};   ///< Share of a weight without gradient that is left at the end of the run.
  std::optional<double> reach = {};  ///< L1 parts: weights without gradient up to here end at 0.
};

/// The course of group number `group` in a run of `steps` updates. The coupled kinds follow the optimizer's momentum
/// exactly where its update is linear: see UpdateModel. Their share of a step is then lr lambda gain.
/// \param steps of the run, from its first one; 0: not known. The peak is then where all multipliers are 1.
DecayCourse decay_course(const Optimizer& optimizer, std::size_t group, std::int64_t steps);

/// The share of a weight that decay takes in a step when no gradient comes, in the long run: of coupled decay what its
/// gradient comes to through the optimizer's momentum, of the proximal step 1 - 1 / (1 + lr lambda). NaN where
/// gradients decide, as behind a division by sqrt(v).
double shrink_of(const UpdateModel& update, const DecayTerms& terms, double lr);

/// Which of the groups decay_warnings() is to speak of.
enum class DecayFault : std::uint8_t {
  takes_all,  ///< Those of which a step takes all of a weight or more: a shrink of 1 or more.
  grows,      ///< Those whose weights grow without bound by decay alone.
};

/// Sentences that name such groups and say what decay does there, in a run of `steps` updates.
std::vector<std::string> decay_warnings(const Optimizer& optimizer, std::int64_t steps,
                                        DecayFault fault = DecayFault::takes_all);

}  // namespace ebb
