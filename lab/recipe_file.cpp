#include <toml++/toml.h>
#include <fstream>
#include <sstream>

#include "framework/tensor/error.h"
#include "framework/tensor/suggest.h"
#include "lab/recipe.h"

namespace ebb {
namespace {

constexpr std::size_t largest_file = 1 << 20;

Recipe mnist() {
  Recipe recipe;
  recipe.name = "mnist";
  recipe.data = "mnist";
  return recipe;
}

Recipe fashion_mnist() {
  Recipe recipe;
  recipe.name = "fashion-mnist";
  recipe.epochs = 10;
  return recipe;
}

struct BuiltIn {
  const char* name;
  Recipe (*make)();
};

constexpr BuiltIn built_in[] = {{"mnist", mnist}, {"fashion-mnist", fashion_mnist}};

std::string value_text(const std::string& where, std::string_view key, const toml::node& node) {
  if (const auto* s = node.as_string()) return s->get();
  if (const auto* b = node.as_boolean()) return b->get() ? "true" : "false";
  if (const auto* i = node.as_integer()) return text(i->get());
  if (const auto* f = node.as_floating_point()) return text(f->get());
  fail(where, text("a table, list or date for \"", key, "\""), "a string, a number, true or false");
}

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(path, "a file that cannot be opened", "a recipe file", "check the path and its permissions");
  std::string content(largest_file + 1, '\0');
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  content.resize(static_cast<std::size_t>(file.gcount()));
  if (content.size() > largest_file) fail(path, "more than 1 MiB", "a recipe file of at most 1 MiB");
  return content;
}

}  // namespace

Recipe recipe_from_toml(std::string_view content, const std::string& where) {
  Recipe recipe;
  try {
    const toml::table table = toml::parse(content, where);
    for (const auto& [key, node] : table) set(recipe, key.str(), value_text(where, key.str(), node));
  } catch (const toml::parse_error& error) {
    fail(where, text(error.description(), " in line ", static_cast<unsigned>(error.source().begin.line)), "TOML");
  }
  return recipe;
}

std::vector<std::string> recipe_names() {
  std::vector<std::string> names;
  for (const BuiltIn& recipe : built_in) names.emplace_back(recipe.name);
  return names;
}

Recipe find_recipe(const std::string& what) {
  if (what.ends_with(".toml")) return recipe_from_toml(read(what), what);
  for (const BuiltIn& recipe : built_in)
    if (what == recipe.name) return recipe.make();
  fail("train", text("\"", what, "\""), "a built-in recipe or a .toml file", suggestion(what, recipe_names()));
}

}  // namespace ebb
