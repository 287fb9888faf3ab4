// Fields: how a member of a recipe goes from text to its value and back. Private to the recipe's table of keys.
#pragma once

#include <algorithm>
#include <concepts>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "framework/tensor/suggest.h"
#include "lab/recipe/names.h"
#include "lab/recipe/range.h"
#include "lab/recipe/recipe.h"

namespace ebb::detail {

// How TOML writes a value.
enum class Written { plain, quoted, list };

// A key of T, a Recipe or a GroupRecipe, with its way from and to text. `where` is what messages call the key: its
// name, with file and line where it comes from a file.
template <class T>
struct Field {
  const char* key;
  std::string help;
  Written written;
  std::vector<std::string> (*choices)(const Extensions* own) = nullptr;  // of names that extensions may add to
  std::function<void(T&, std::string_view value, std::string_view where)> set = {};
  std::function<std::string(const T&)> get = {};
  bool of_groups = false;  // whether a group may have its own
};

// What an optional value is that is not set, and what sets any other value but a free text back.
constexpr std::string_view unset = "default";

constexpr std::size_t longest_text = 4096;  // of names and paths
constexpr std::size_t most_numbers = 1000;  // in a list

// What has the keys of Owner's members, and the way to such a member.
template <class Owner>
using KeysOf = std::conditional_t<std::same_as<Owner, GroupRecipe>, GroupRecipe, Recipe>;
template <class T>
auto& at(Recipe& recipe, T Recipe::*member) {
  return recipe.*member;
}
template <class T>
auto& at(Recipe& recipe, T Augmentation::*member) {
  return recipe.augment.*member;
}
template <class T>
auto& at(Recipe& recipe, T PictureRecipe::*member) {
  return recipe.pictures.*member;
}
template <class T>
auto& at(GroupRecipe& group, T GroupRecipe::*member) {
  return group.*member;
}
template <class Keys, class Owner, class T>
const T& at(const Keys& keys, T Owner::*member) {
  return at(const_cast<Keys&>(keys), member);
}

inline const Extensions* extensions_of(const Recipe& recipe) { return recipe.extensions.get(); }
inline const Extensions* extensions_of(const GroupRecipe&) { return nullptr; }

template <class T>
struct Inner {
  using type = T;
};
template <class T>
struct Inner<std::optional<T>> {
  using type = T;
};
template <class T>
using InnerOf = typename Inner<T>::type;
// The value of one text by `from_text(value, where, extensions)`, printed by `to_text(value)`. "default" sets it back,
// unless it is a text that may say so itself.
template <class Owner, class T, class From, class To>
Field<KeysOf<Owner>> field(const char* key, std::string help, Written written, T Owner::*member, From from_text,
                           To to_text, bool free_text = false) {
  using Keys = KeysOf<Owner>;
  return {key,
          std::move(help),
          written,
          nullptr,
          [=](Keys& keys, std::string_view value, std::string_view where) {
            if (value == unset && !free_text) at(keys, member) = at(Keys{}, member);
            else at(keys, member) = from_text(value, where, extensions_of(keys));
          },
          [=](const Keys& keys) {
            const std::optional<InnerOf<T>> value = at(keys, member);
            return value ? std::string(to_text(*value)) : std::string(unset);
          }};
}

template <class Owner, class T>
auto number(const char* key, const char* help, T Owner::*member, Range<InnerOf<T>> range) {
  using Number = InnerOf<T>;
  return field(
      key, help, Written::plain, member,
      [=](std::string_view value, std::string_view where, const Extensions*) {
        return parse_number(value, where, range);
      },
      [](Number value) { return text(value); });
}

template <class Owner, class T>
auto number(const char* key, const char* help, T Owner::*member, InnerOf<T> low,
            InnerOf<T> high = std::numeric_limits<InnerOf<T>>::max()) {
  return number(key, help, member, Range<InnerOf<T>>{.low = low, .high = high});
}

template <class Owner, class T>
auto flag(const char* key, const char* help, T Owner::*member) {
  return field(
      key, help, Written::plain, member,
      [](std::string_view value, std::string_view where, const Extensions*) {
        const std::optional<std::string> same = same_name(value, {"true", "false"});
        if (!same)
          fail(where, as_written(value), "true or false", did_you_mean(value, {"true", "false"}, recipe_synonyms()));
        return *same == "true";
      },
      [](bool value) { return text(value); });
}

// A list of numbers.
template <class Owner, class T>
auto numbers(const char* key, const char* help, T Owner::*member, typename InnerOf<T>::value_type low,
             typename InnerOf<T>::value_type high) {
  using List = InnerOf<T>;
  const Range<typename List::value_type> range{.low = low, .high = high};
  return field(
      key, help, Written::list, member,
      [=](std::string_view value, std::string_view where, const Extensions*) {
        return parse_list(value, where, range, most_numbers);
      },
      [](const List& list) {
        std::string out;
        for (const auto value : list) out += (out.empty() ? "" : ", ") + text(value);
        return out;
      });
}

}  // namespace ebb::detail
