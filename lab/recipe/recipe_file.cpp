#include <toml++/toml.h>

#include "framework/io/read_text.h"
#include "framework/tensor/error.h"
#include "framework/tensor/suggest.h"
#include "lab/recipe/built_in.h"
#include "lab/recipe/recipe.h"

namespace ebb {
namespace {

constexpr std::size_t largest_file = 1 << 20;

std::string value_text(const std::string& where, std::string_view key, const toml::node& node) {
  if (const auto* s = node.as_string()) return s->get();
  if (const auto* b = node.as_boolean()) return b->get() ? "true" : "false";
  if (const auto* i = node.as_integer()) return text(i->get());
  if (const auto* f = node.as_floating_point()) return text(f->get());
  if (const auto* list = node.as_array()) {
    std::string out;
    for (const toml::node& one : *list) {
      if (!one.is_number()) fail(where, text("a list with something else than numbers for \"", key, '"'), "numbers");
      out += (out.empty() ? "" : ", ") + value_text(where, key, one);
    }
    return out;
  }
  fail(where, text("a table or date for \"", key, '"'), "a string, a number, a list of numbers, true or false");
}

GroupRecipe group_from(const std::string& where, const toml::node& node) {
  const toml::table* const table = node.as_table();
  if (table == nullptr) fail(where, "an entry of groups that is no table", "[[groups]]");
  GroupRecipe group;
  for (const auto& [key, value] : *table) set(group, key.str(), value_text(where, key.str(), value));
  if (group.name.empty()) fail(where, "[[groups]] without a name", "name = \"...\"");
  return group;
}

}  // namespace

Recipe recipe_from_toml(std::string_view content, const std::string& where) {
  Recipe recipe;
  try {
    const toml::table table = toml::parse(content, where);
    for (const auto& [key, node] : table) {
      if (key.str() != "groups") {
        set(recipe, key.str(), value_text(where, key.str(), node));
        continue;
      }
      if (!node.is_array()) fail(where, "groups that are no list of tables", "[[groups]]");
      for (const toml::node& group : *node.as_array()) recipe.groups.push_back(group_from(where, group));
    }
  } catch (const toml::parse_error& error) {
    fail(where, text(error.description(), " in line ", static_cast<unsigned>(error.source().begin.line)), "TOML");
  }
  return recipe;
}

std::vector<std::string> recipe_names() {
  std::vector<std::string> names;
  for (const detail::BuiltIn& recipe : detail::built_in_recipes()) names.emplace_back(recipe.name);
  return names;
}

Recipe find_recipe(const std::string& what) {
  if (what.ends_with(".toml")) return recipe_from_toml(read_text(what, largest_file), what);
  for (const detail::BuiltIn& recipe : detail::built_in_recipes())
    if (what == recipe.name) return recipe_from_toml(recipe.text, what);
  fail("train", text("\"", what, "\""), "a built-in recipe or a .toml file", suggestion(what, recipe_names()));
}

}  // namespace ebb
