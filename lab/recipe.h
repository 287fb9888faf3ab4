/// \file
/// Recipe: everything that decides a training, as keys and values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ebb {

/// The settings of one training. Every member is a key of `ebb train --set key=value` and of recipe files; the
/// defaults below are those of a recipe that says nothing.
struct Recipe {
  std::string name = "custom";         ///< Printed, and part of the default run directory.
  std::string data = "fashion-mnist";  ///< Data set: "mnist" or "fashion-mnist".
  std::string data_dir;                ///< Where its files are; empty: EBB_DATA, then the system's directory.
  std::string model = "lenet";         ///< A name of model_names().
  std::int64_t epochs = 5;             ///< Passes over the training data.
  std::int64_t batch = 128;            ///< Images in a step.
  std::string optimizer = "sgd";       ///< "sgd".
  double lr = 0.02;                    ///< Learning rate at the peak of the schedule.
  double momentum = 0.9;               ///< Of SGD.
  bool nesterov = false;               ///< Nesterov's form of momentum.
  std::string schedule = "cosine";     ///< "constant" or "cosine" (to zero at the end).
  double warmup_epochs = 0;            ///< Linear warm-up from zero, in epochs.
  std::string decay = "decoupled_lr";  ///< A decay kind by its name in docs/weight-decay.md, or "none".
  double lambda = 5e-4;                ///< Its strength.
  std::string decay_on = "weights";    ///< "weights": norms and biases are excluded; "everything".
  double label_smoothing = 0;          ///< Of the cross-entropy, in [0, 1).
  std::uint64_t seed = 1;              ///< Of initialisation, order and dropout.
  std::int64_t threads = 0;            ///< 0: as many as the process may use.
  std::string out;                     ///< Run directory; empty: runs/NAME-seedN.
};

/// One key of a recipe, as text.
struct RecipeKey {
  const char* key;   ///< Name of the member.
  const char* help;  ///< What it means, in a line.
};

/// All keys in the order of the members.
std::vector<RecipeKey> recipe_keys();

/// Sets `key` from text.
/// \throws Error on an unknown key, with the nearest known one, and on a value that does not parse or is out of range.
void set(Recipe& recipe, std::string_view key, std::string_view value);

/// The value of `key` as set() takes it.
std::string get(const Recipe& recipe, std::string_view key);

/// The recipe as the text of a recipe file: one `key = value` a line, in TOML.
std::string to_toml(const Recipe& recipe);

/// A recipe from the text of a TOML file: top-level keys only.
/// \param where the file's name for messages.
/// \throws Error on text that is not TOML, tables, unknown keys and values out of range.
Recipe recipe_from_toml(std::string_view text, const std::string& where);

/// Names of the built-in recipes.
std::vector<std::string> recipe_names();

/// The built-in recipe `what`, or the recipe in the file `what` when that ends in ".toml".
/// \throws Error naming the built-in recipes when there is none of this name.
Recipe find_recipe(const std::string& what);

}  // namespace ebb
