/// \file
/// The words that a recipe may use. Each list stands beside what it names, in lab/setup.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "framework/tensor/suggest.h"

namespace ebb {

struct Recipe;

/// A word for a key such as `schedule`, and the keys that mean something beside it and not beside every other word.
struct Choice {
  std::string name;                    ///< As recipes write it.
  std::vector<std::string> keys = {};  ///< The keys.
};

std::vector<Choice> optimizer_choices();  ///< Optimizers that a recipe may name.
std::vector<Choice> schedule_choices();   ///< Schedules of the learning rate that a recipe may name.
std::vector<Choice> decay_choices();      ///< Kinds of weight decay that a recipe may name, and "none".

/// The words alone.
inline std::vector<std::string> names(const std::vector<Choice>& choices) {
  std::vector<std::string> out;
  for (const Choice& choice : choices) out.push_back(choice.name);
  return out;
}

inline std::vector<std::string> optimizer_names() { return names(optimizer_choices()); }  ///< See above.
inline std::vector<std::string> schedule_names() { return names(schedule_choices()); }    ///< See above.
inline std::vector<std::string> decay_names() { return names(decay_choices()); }          ///< See above.

/// \throws Error naming a key with another value than its default that has no meaning beside the recipe's optimizer,
///     schedule or kind of decay, or those of its groups. With decay "none" and decay_on "nothing" all decay is off,
///     and its keys are no matter.
void require_no_idle_keys(const Recipe& recipe);

/// Words of other frameworks and papers for keys and their values; see suggestion().
std::span<const Synonym> recipe_synonyms();

std::vector<std::string> data_names();           ///< Data sets that a recipe may name.
std::vector<std::string> decay_policies();       ///< What decay_on may be: which parameters decay.
std::vector<std::string> clip_names();           ///< What may be clipped of the gradient, and "none".
std::vector<std::string> lambda_schedules();     ///< Courses of lambda.
std::vector<std::string> non_finite_policies();  ///< What may happen at NaN or infinity.

}  // namespace ebb
