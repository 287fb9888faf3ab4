// Fields whose values are words: free texts, choices and names. Private to the recipe's table of keys.
#pragma once

#include "lab/recipe/field.h"

namespace ebb::detail {

// Help with the words that a key may be.
inline std::string with_choices(std::string help, const std::vector<std::string>& choices) {
  for (const std::string& choice : choices) help += (&choice == &choices.front() ? ": " : ", ") + choice;
  return help;
}

inline std::string require_line(std::string_view value, std::string_view where, std::size_t longest = longest_text) {
  if (value.size() > longest) fail(where, text(value.size(), " bytes"), text("at most ", longest, " bytes"));
  if (!is_line(value)) fail(where, in_quotes(value), "a line of UTF-8 without control characters");
  return std::string(value);
}

inline std::string as_it_is(const std::string& value) { return value; }

// A line of text.
template <class Owner>
auto line(const char* key, const char* help, std::string Owner::*member, std::size_t longest = longest_text) {
  return field(
      key, help, Written::quoted, member,
      [=](std::string_view value, std::string_view where, const Extensions*) {
        return require_line(value, where, longest);
      },
      as_it_is, true);
}

// One of the choices.
template <class Owner>
auto words(const char* key, const std::string& help, std::string Owner::*member,
           const std::vector<std::string>& choices) {
  return field(
      key, with_choices(help, choices), Written::quoted, member,
      [=](std::string_view value, std::string_view where, const Extensions*) {
        return require_choice(where, require_line(value, where), choices, recipe_synonyms());
      },
      as_it_is);
}

// The name of something that extensions may add to, or what `accepts` likes beside those.
template <class Owner, class T>
auto named(const char* key, const char* help, T Owner::*member,
           std::vector<std::string> (*choices)(const Extensions* own), bool (*accepts)(std::string_view) = nullptr) {
  auto out = field(
      key, help, Written::quoted, member,
      [=](std::string_view value, std::string_view where, const Extensions* own) {
        const std::string name = require_line(value, where);
        if (accepts != nullptr && accepts(name)) return name;
        if (has_unknown_names(own)) return same_name(name, choices(own)).value_or(name);
        return require_choice(where, name, choices(own), recipe_synonyms());
      },
      as_it_is);
  out.choices = choices;
  return out;
}

// An enumeration whose values are 0, 1, ... in the order of `choices`.
template <class Owner, class T>
auto word(const char* key, const std::string& help, T Owner::*member, const std::vector<std::string>& choices) {
  using Enum = InnerOf<T>;
  return field(
      key, with_choices(help, choices), Written::quoted, member,
      [=](std::string_view value, std::string_view where, const Extensions*) {
        const std::string choice = require_choice(where, value, choices, recipe_synonyms());
        return static_cast<Enum>(std::ranges::find(choices, choice) - choices.begin());
      },
      [=](Enum value) { return choices[static_cast<std::size_t>(value)]; });
}

// Height and width.
template <class Owner, class T>
auto picture_size(const char* key, const char* help, T Owner::*member) {
  return field(
      key, help, Written::quoted, member,
      [](std::string_view value, std::string_view where, const Extensions*) { return picture_size_from(value, where); },
      [](const PictureSize& size) { return to_text(size); });
}

}  // namespace ebb::detail
