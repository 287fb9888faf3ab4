/// \file
/// What a run was begun with, and what `ebb resume --allow-change` made of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "framework/io/directory.h"
#include "lab/recipe/recipe.h"

namespace ebb {

/// A key that a run went on with another value of.
struct ChangedSetting {
  std::string key;   ///< Of the recipe, or `checksums_key`.
  std::string from;  ///< Its value before, as set() takes it.
  std::string to;    ///< Its value from then on.
};

/// The key under which other data are noted: values are "TRAIN/TEST", see data_checksums().
inline constexpr std::string_view checksums_key = "checksums";

/// What changed at one place of a run.
struct RecipeChange {
  std::int64_t step = 0;                 ///< Batches before it.
  std::int64_t epochs = 0;               ///< Complete epochs before it.
  std::vector<ChangedSetting> settings;  ///< At least one.
};

/// The recipe of a run.
struct RunRecipe {
  Recipe first;                       ///< What it was begun with: recipe.toml.
  std::vector<RecipeChange> changes;  ///< Since then, in their order: changes.jsonl.
  Recipe now;                         ///< What it goes on with.
};

/// Reads the recipe of the run in a directory: the only place where changes meet a recipe. It may name what only
/// another program knows: see for_program(). \throws Error naming the file, its line and what is wrong.
RunRecipe run_recipe(const Directory& run);

/// The lines of changes.jsonl, `{"step": 12, "epochs": 1, "settings": [{"key": "lr", "from": "0.1", "to": "0.05"}]}`.
std::string to_json_lines(const std::vector<RecipeChange>& changes);

/// Reads what to_json_lines() wrote.
/// \throws Error naming `where` with the line, on anything else.
std::vector<RecipeChange> changes_from_json_lines(std::string_view lines, const std::string& where);

/// The changes of a run that goes on after `step` batches with other settings: those behind this place are forgotten,
/// and what then differs from `now` is added.
/// \param begun, data checksums of the data at the beginning and now.
std::vector<RecipeChange> changes_at(const RunRecipe& before, const Recipe& now, std::int64_t step, std::int64_t epochs,
                                     const std::string& begun, const std::string& data);

/// The change for people: a line for each setting.
std::string in_words(const RecipeChange& change);

/// The checksums of the data after all changes.
std::string checksums_after(const std::vector<RecipeChange>& changes, const std::string& at_the_beginning);

/// Whether the changes make it another training: a key that no result depends on does not.
bool change_results(const std::vector<RecipeChange>& changes);

/// Whether no bit of the result depends on a key: threads, prefetch, save_minutes and the like.
bool is_harmless(std::string_view key);

}  // namespace ebb
