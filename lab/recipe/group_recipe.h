/// \file
/// GroupRecipe: a line of a recipe's own table of parameter groups.
#pragma once

#include <map>
#include <optional>
#include <string>

namespace ebb {

/// A line of a recipe's own group table; see Groups. What is not set is the recipe's.
struct GroupRecipe {
  std::string name;                          ///< For reports; unique.
  std::string select = "everything_else()";  ///< Which parameters: see selector_from_text().
  double lr_scale = 1;                       ///< Multiplies the learning rate.
  std::optional<double> momentum = {};       ///< Momentum, beta1 of the Adam family.
  std::optional<double> max_norm = {};       ///< Largest norm of an output channel after each step.
  double until_epoch = 0;                    ///< From this epoch on the group stays as it is; 0: never.
  bool adam = false;                         ///< Muon only: whether Adam updates this group.
  bool may_be_empty = false;                 ///< Whether the group may take no parameter.
  std::string place = {};                    ///< Where a file says `select`, as "my.toml:7"; for messages.
  /// Keys of the recipe's schedule and weight decay that are others here, with their texts: {"lambda", "0.01"}.
  std::map<std::string, std::string> own = {};
};

}  // namespace ebb
