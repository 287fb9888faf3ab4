/// \file
/// What an optimizer does to whom, as text.
#pragma once

#include <iosfwd>
#include <string>

#include "optim/change_norms.h"
#include "optim/optimizer.h"

namespace ebb {

/// What report() prints.
struct ReportOptions {
  double steps_per_epoch = 0;            ///< To give timescales in epochs as well; 0: steps only.
  std::int64_t steps = 0;                ///< Of the run, to say what is left of a weight at its end; 0: not known.
  bool parameters = false;               ///< A line for each parameter too: role, norms, effective learning rate.
  const ChangeNorms* changes = nullptr;  ///< Who looked on, for the norm of the last change; null: "-".
};

/// The table of groups of an optimizer. One line a group: name, decay with its lambda, number of tensors and values,
/// and their paths; then for decayed groups what multiplies lambda, the largest shrink of a step in the run, its
/// timescale 1/shrink, and how much of a weight without gradient is left at the end: see decay_course(). Where
/// gradients decide these numbers it says so. With `parameters`, a line for each with role, norms of value, gradient
/// and last change, and the effective learning rate that SGD has on it if it is scale-invariant, lr / ((1 - shrink)
/// |w|^2); for Adam-like updates that is lr / ((1 - shrink) |w|).
std::string report(const Optimizer& optimizer, ReportOptions options = {});

}  // namespace ebb
