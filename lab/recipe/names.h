/// \file
/// The words that a recipe may use. Each list stands beside what it names, in lab/setup.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "framework/tensor/suggest.h"
#include "lab/recipe/own_key.h"

namespace ebb {

struct Extensions;
struct Recipe;

/// A word for a key such as `schedule`, and the keys that mean something beside it and not beside every other word.
struct Choice {
  std::string name;                    ///< As recipes write it.
  std::vector<std::string> keys = {};  ///< The keys.
};

// Extensions are those of the recipe; null: none.
std::vector<Choice> optimizer_choices(const Extensions* own = nullptr);  ///< Optimizers that a recipe may name.
std::vector<Choice> schedule_choices(const Extensions* own = nullptr);   ///< Schedules of the learning rate.
std::vector<Choice> decay_choices(const Extensions* own = nullptr);      ///< Kinds of weight decay, and "none".
std::vector<Choice> data_choices(const Extensions* own = nullptr);       ///< Data sets.
std::vector<Choice> own_model_choices(const Extensions* own);            ///< Own models with the own keys they list.

/// Stands for the files of packed sets among the data sets.
inline constexpr const char* any_packed_set = "SET.safetensors";

/// The words alone.
inline std::vector<std::string> names(const std::vector<Choice>& choices) {
  std::vector<std::string> out;
  for (const Choice& choice : choices) out.push_back(choice.name);
  return out;
}

/// See above.
inline std::vector<std::string> optimizer_names(const Extensions* own = nullptr) {
  return names(optimizer_choices(own));
}
/// See above.
inline std::vector<std::string> schedule_names(const Extensions* own = nullptr) { return names(schedule_choices(own)); }
/// See above.
inline std::vector<std::string> decay_names(const Extensions* own = nullptr) { return names(decay_choices(own)); }

/// See above.
inline std::vector<std::string> data_names(const Extensions* own = nullptr) { return names(data_choices(own)); }

/// \throws Error naming a key with another value than its default that has no meaning beside the recipe's optimizer,
///     schedule, kind of decay, data or model, or those of its groups. With decay "none" and decay_on "nothing" all
///     decay is off, and its keys are no matter.
void require_no_idle_keys(const Recipe& recipe);

/// Words of other frameworks and papers for keys and their values; see suggestion().
std::span<const Synonym> recipe_synonyms();

std::vector<std::string> recipe_model_names(
    const Extensions* own = nullptr);                                  ///< Models, those of model_names() first.
std::vector<std::string> norm_names(const Extensions* own = nullptr);  ///< Normalisations.

std::vector<OwnKey> own_keys(const Extensions* own);  ///< The keys that extensions bring.
bool has_unknown_names(const Extensions* own);        ///< See Extensions::unknown_names.
std::shared_ptr<const Extensions> any_names();        ///< Extensions with nothing but unknown_names.

std::vector<std::string> decay_policies();       ///< What decay_on may be: which parameters decay.
std::vector<std::string> clip_names();           ///< What may be clipped of the gradient, and "none".
std::vector<std::string> lambda_schedules();     ///< Courses of lambda.
std::vector<std::string> non_finite_policies();  ///< What may happen at NaN or infinity.

}  // namespace ebb
