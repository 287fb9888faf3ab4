#include "lab/recipe/idle_keys.h"

#include <algorithm>

#include "data/packed_set.h"
#include "framework/tensor/error.h"
#include "lab/recipe/keys.h"
#include "lab/recipe/names.h"

namespace ebb {
namespace {

constexpr std::size_t most_listed = 6;

using detail::Family;

std::string joined(const std::vector<std::string>& words, std::string_view quote = {}) {
  std::string out;
  for (const std::string& word : words) out += text(out.empty() ? "" : ", ", quote, word, quote);
  return out;
}

bool is_off(const Recipe& recipe, const Family& family) {
  return std::string_view(family.key) == "decay" &&
         (recipe.decay_on == "nothing" || (recipe.decay == "none" && recipe.groups.empty()));
}

// What is chosen: of packed sets, which are called by their files, the one name that stands for them all.
std::string chosen(const Recipe& recipe, const Family& family) {
  const std::string value = get(recipe, family.key);
  const bool packed = std::string_view(family.key) == "data" && value.ends_with(packed_set_ending);
  return packed ? any_packed_set : value;
}

// The choices that the recipe's own value of `key` reaches: its own and those of groups without such a value.
std::vector<std::string> reached(const Recipe& recipe, const Family& family, std::string_view key) {
  std::vector<std::string> out{chosen(recipe, family)};
  for (const GroupRecipe& group : recipe.groups)
    if (group.own.count(std::string(key)) == 0) out.push_back(chosen(recipe_of_group(recipe, group), family));
  return out;
}

// Keys and values that a choice ignores.
using IdleKeys = std::vector<std::pair<std::string, std::string>>;

[[noreturn]] void fail_idle(const std::string& where, const IdleKeys& idle, const Family& family,
                            const std::string& choice) {
  std::vector<std::string> keys, seen, defaults;
  for (const Choice& c : family.choices)
    if (c.name == choice) keys = c.keys;
  for (const auto& [key, value] : idle) {
    seen.push_back(text(key, " = ", detail::as_written(value)));
    defaults.push_back(text(key, " = \"default\""));
  }
  const bool one = idle.size() == 1;
  fail(where, text(joined(seen), " beside ", family.key, " = \"", choice, "\", which ignores ", one ? "it" : "them"),
       keys.empty() ? text("none of the keys of other choices of ", family.key)
                    : text("one of its keys: ", joined(keys)),
       text(one ? "leave it out, set " : "leave them out, set ", joined(defaults), ", or choose ", family.key, " = ",
            joined(family.readers(idle.front().first), "\"")));
}

}  // namespace

namespace detail {

bool Family::reads(std::string_view choice, std::string_view key_of_it) const {
  return std::ranges::any_of(choices, [&](const Choice& c) {
    return c.name == choice && std::ranges::find(c.keys, key_of_it) != c.keys.end();
  });
}

std::vector<std::string> Family::readers(std::string_view key_of_them) const {
  std::vector<std::string> out;
  for (const Choice& c : choices)
    if (reads(c.name, key_of_them)) out.push_back(c.name);
  return out;
}

std::vector<Family> choosing_keys(const Extensions* own) {
  return {{"optimizer", optimizer_choices(own)},
          {"schedule", schedule_choices(own)},
          {"decay", decay_choices(own)},
          {"data", data_choices(own)},
          {"model", own_model_choices(own)}};
}

std::string read_by(std::string_view key, const std::vector<Family>& families) {
  for (const Family& family : families) {
    const std::vector<std::string> readers = family.readers(key);
    if (!readers.empty() && readers.size() <= most_listed) return "; of " + joined(readers);
  }
  return {};
}

}  // namespace detail

void require_no_idle_keys(const Recipe& recipe) {
  const std::vector<RecipeKey> keys = recipe_keys(recipe);
  for (const Family& family : detail::choosing_keys(recipe.extensions.get())) {
    IdleKeys idle;
    for (const RecipeKey& key : keys) {
      const std::vector<std::string> readers = family.readers(key.key);
      if (readers.empty()) continue;
      const auto read = [&](const std::string& choice) { return family.reads(choice, key.key); };
      const std::string value = get(recipe, key.key);
      if (value != key.initial && !is_off(recipe, family) &&
          std::ranges::none_of(reached(recipe, family, key.key), read))
        idle.emplace_back(key.key, value);
      for (const GroupRecipe& group : recipe.groups) {
        const auto own = group.own.find(key.key);
        const std::string choice = get(recipe_of_group(recipe, group), family.key);
        if (own != group.own.end() && !read(choice))
          fail_idle(text("group \"", group.name, '"'), {{key.key, own->second}}, family, choice);
      }
    }
    if (!idle.empty()) fail_idle(idle.front().first, idle, family, get(recipe, family.key));
  }
  if (recipe.shards == 1 && recipe.batch_norm_over != Recipe{}.batch_norm_over)
    fail("batch_norm_over", text("\"", recipe.batch_norm_over, "\" beside shards = 1, which ignores it"),
         "two shards or more", "leave it out, or set shards = 2 or more");
  if (recipe.tta_at_end && !recipe.tta_flip && recipe.tta_translate == 0)
    fail("tta_at_end", "tta_at_end = true without other views of an image", "tta_flip or tta_translate",
         "leave it out, or set tta_flip = true");
  for (const GroupRecipe& group : recipe.groups)
    if (group.adam && recipe.optimizer != "muon")
      fail(text("group \"", group.name, '"'), text("adam = true beside optimizer = \"", recipe.optimizer, '"'),
           "optimizer = \"muon\"", "leave it out");
}

}  // namespace ebb
