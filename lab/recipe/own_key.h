/// \file
/// OwnKey: a key of recipes that a program adds.
#pragma once

#include <limits>
#include <string>

namespace ebb {

/// A number that recipes of a program may set, for its own models, optimizers, schedules, norms and kinds of decay.
struct OwnKey {
  std::string name;                                    ///< Small letters, digits and underscores; no key of Ebb's.
  std::string help = {};                               ///< What it means, in a line.
  double initial = 0;                                  ///< In a recipe that says nothing.
  double low = std::numeric_limits<double>::lowest();  ///< Smallest value that it may have.
  double high = std::numeric_limits<double>::max();    ///< Greatest.
};

}  // namespace ebb
