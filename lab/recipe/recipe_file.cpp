#include <toml++/toml.h>
#include <algorithm>

#include "framework/io/read_text.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "framework/tensor/suggest.h"
#include "lab/recipe/built_in.h"
#include "lab/recipe/names.h"
#include "lab/recipe/recipe.h"
#include "lab/recipe/toml_bounds.h"

namespace ebb {
namespace {

constexpr std::size_t largest_file = 1 << 20;
constexpr std::size_t most_groups = 1000;

// "my.toml:7"
std::string place_of(const std::string& where, const toml::node& node) {
  return text(where, ':', static_cast<unsigned>(node.source().begin.line));
}

// The text that a key's value is set from.
std::string value_text(const std::string& place, std::string_view key, const toml::node& node) {
  if (const auto* s = node.as_string()) return s->get();
  if (const auto* b = node.as_boolean()) return b->get() ? "true" : "false";
  if (const auto* i = node.as_integer()) return text(i->get());
  if (const auto* f = node.as_floating_point()) return text(f->get());
  fail(text(place, ": ", in_quotes(key)),
       node.is_array()   ? "a list"
       : node.is_table() ? "a table"
                         : "a date",
       "a string, a number, true or false",
       node.is_table()
           ? "recipes have no tables but [[groups]]: write the keys in it without its header, above the groups"
           : "");
}

std::string list_text(const std::string& place, std::string_view key, const toml::array& list) {
  std::string out;
  for (const toml::node& one : list) {
    if (!one.is_number()) fail(text(place, ": ", in_quotes(key)), "a list with something else than numbers", "numbers");
    out += (out.empty() ? "" : ", ") + value_text(place, key, one);
  }
  return out;
}

// The text of a list where the key takes one, or else of a value.
std::string text_of(const std::string& place, std::string_view key, const toml::node& node,
                    const std::vector<RecipeKey>& keys) {
  const bool takes_list =
      std::ranges::any_of(keys, [&](const RecipeKey& known) { return known.list && key == known.key; });
  const toml::array* const list = takes_list ? node.as_array() : nullptr;
  return list != nullptr ? list_text(place, key, *list) : value_text(place, key, node);
}

GroupRecipe group_from(const std::string& where, const toml::node& node, const Recipe& recipe) {
  const toml::table* const table = node.as_table();
  if (table == nullptr) fail(place_of(where, node), "an entry of groups that is no table", "[[groups]]");
  GroupRecipe group;
  const std::vector<RecipeKey> keys = group_keys(recipe);
  for (const auto& [key, value] : *table) {
    const std::string place = place_of(where, value);
    set(group, key.str(), text_of(place, key.str(), value, keys), place, recipe);
    if (key.str() == "select") group.place = place;
  }
  if (group.name.empty()) fail(place_of(where, node), "[[groups]] without a name", "name = \"...\"");
  return group;
}

void read_groups(Recipe& recipe, const std::string& where, const toml::node& node) {
  const toml::array* const list = node.as_array();
  if (list == nullptr) fail(place_of(where, node), "groups that are no list of tables", "[[groups]]");
  if (list->size() > most_groups) fail(where, text(list->size(), " groups"), text("at most ", most_groups));
  for (const toml::node& group : *list) recipe.groups.push_back(group_from(where, group, recipe));
}

}  // namespace

Recipe recipe_from_toml(std::string_view content, const std::string& where,
                        const std::shared_ptr<const Extensions>& extensions) {
  require_toml_bounds(content, where);
  Recipe recipe = blank_recipe(extensions);
  try {
    const toml::table table = toml::parse(content, where);
    const std::vector<RecipeKey> keys = recipe_keys(recipe);
    for (const auto& [key, node] : table) {
      const std::string place = place_of(where, node);
      if (key.str() == "groups") read_groups(recipe, where, node);
      else set(recipe, key.str(), text_of(place, key.str(), node, keys), place);
    }
  } catch (const toml::parse_error& error) {
    fail(text(where, ':', static_cast<unsigned>(error.source().begin.line)), printable_line(error.description()),
         "TOML");
  }
  return recipe;
}

std::vector<std::string> recipe_names() {
  std::vector<std::string> names;
  for (const detail::BuiltIn& recipe : detail::built_in_recipes()) names.emplace_back(recipe.name);
  return names;
}

Recipe find_recipe(const std::string& what, const std::shared_ptr<const Extensions>& extensions) {
  if (what.ends_with(".toml")) return recipe_from_toml(read_text(what, largest_file), what, extensions);
  const std::optional<std::string> name = same_name(what, recipe_names());
  for (const detail::BuiltIn& recipe : detail::built_in_recipes())
    if (name == recipe.name) return recipe_from_toml(recipe.text, recipe.name, extensions);
  fail("train", in_quotes(what), "a built-in recipe or a .toml file",
       suggestion(what, recipe_names(), recipe_synonyms()));
}

}  // namespace ebb
