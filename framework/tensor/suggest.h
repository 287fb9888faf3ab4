/// \file
/// What a misspelt or foreign word means: what messages about names say.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ebb {

/// A word that people use for one of our names.
struct Synonym {
  std::string_view word;  ///< Small letters without hyphens, underscores and blanks.
  std::string_view name;  ///< What it stands for.
};

/// The name among `known` that is `word` but for case, hyphens, underscores and blanks: "adamw" for "AdamW". Nothing
/// where there is none, or several.
std::optional<std::string> same_name(std::string_view word, const std::vector<std::string>& known);

/// What `word` may mean among `known`, at most six names: those that are the same but for case and hyphens; or else
/// what a synonym says; or else those that begin with it, that it begins with, or that have it as one of their words;
/// or else the nearest by letters, if near enough: a letter more, less, other, or swapped with its neighbour, in three
/// letters each. Empty where nothing is.
std::vector<std::string> meant_names(std::string_view word, const std::vector<std::string>& known,
                                     std::span<const Synonym> synonyms = {});

/// "did you mean "A" or "B"?" for meant_names(); empty where there are none.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known,
                         std::span<const Synonym> synonyms = {});

/// did_you_mean(), or else "known are A, B, C".
std::string suggestion(std::string_view word, const std::vector<std::string>& known,
                       std::span<const Synonym> synonyms = {});

/// The choice that `value` is, but for case and hyphens.
/// \throws Error naming `where`, the value and the choices (with what may be meant) when there is none.
std::string require_choice(std::string_view where, std::string_view value, const std::vector<std::string>& choices,
                           std::span<const Synonym> synonyms = {});

}  // namespace ebb
