#include "lab/reports/conditions.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "framework/tensor/error.h"
#include "lab/format/numbers.h"
#include "lab/reports/figures.h"

namespace ebb {
namespace {

constexpr std::size_t most_keys_in_label = 3;

// The recipe without what may differ within a condition.
Recipe condition_recipe(Recipe recipe) {
  const Recipe plain;
  recipe.name = plain.name;
  recipe.data_dir = plain.data_dir;
  recipe.prefetch = plain.prefetch;
  recipe.seed = plain.seed;
  recipe.threads = plain.threads;
  recipe.out = plain.out;
  recipe.log_every = plain.log_every;
  recipe.save_minutes = plain.save_minutes;
  recipe.save_steps = plain.save_steps;
  recipe.overlap = plain.overlap;
  recipe.comm_timeout = plain.comm_timeout;
  recipe.diagnose = plain.diagnose;
  recipe.diagnose_every = plain.diagnose_every;
  return recipe;
}

std::string groups_of(const Recipe& recipe) {
  Recipe only;
  only.groups = recipe.groups;
  return to_toml(only);
}

// What resuming changed in a run, but for what may differ within a condition; "no" for nothing.
std::string changes_of(const RunData& run) {
  const auto counts = [&](const ChangedSetting& s) {
    if (s.key == checksums_key) return true;
    Recipe from = blank_recipe(run.recipe.extensions);
    Recipe to = from;
    set(from, s.key, s.from);
    set(to, s.key, s.to);
    return to_toml(condition_recipe(from)) != to_toml(condition_recipe(to));
  };
  std::string out;
  for (const RecipeChange& change : run.changes)
    for (const ChangedSetting& s : change.settings)
      if (counts(s)) out += text(out.empty() ? "" : ", ", s.key, " from ", s.from, " after batch ", change.step);
  return out.empty() ? "no" : out;
}

// Of one run each.
std::vector<std::string> differing_keys(const std::vector<Recipe>& recipes, const std::vector<std::string>& changes) {
  std::vector<std::string> keys;
  const auto differ = [&](const auto& value) {
    return std::ranges::any_of(recipes, [&](const Recipe& r) { return value(r) != value(recipes.front()); });
  };
  std::vector<std::string> known;
  for (const Recipe& recipe : recipes)
    for (const RecipeKey& key : recipe_keys(recipe))
      if (std::ranges::find(known, key.key) == known.end()) known.push_back(key.key);
  for (const std::string& key : known)
    if (differ([&](const Recipe& r) { return get(r, key); })) keys.push_back(key);
  if (differ(groups_of)) keys.emplace_back("groups");
  if (std::ranges::any_of(changes, [&](const std::string& c) { return c != changes.front(); }))
    keys.emplace_back("changed");
  return keys;
}

// By the values of the first key, then of the second, ...: where all of them are numbers.
void sort_by_values(std::vector<Condition>& conditions) {
  const auto numbers = [](const Condition& c) {
    std::vector<double> out;
    for (const std::string& value : c.values)
      if (const std::optional<double> number = number_in(value)) out.push_back(*number);
    return out;
  };
  const bool all =
      std::ranges::all_of(conditions, [&](const Condition& c) { return numbers(c).size() == c.values.size(); });
  if (all) std::ranges::stable_sort(conditions, {}, numbers);
}

// A value with few digits, cut to what a table bears.
std::string value_in_words(const std::string& value) {
  constexpr std::size_t longest = 40;
  if (const std::optional<double> number = number_in(value)) {
    std::string out = significant(*number, 6);
    std::erase(out, ',');  // number_in() takes it back
    return out;
  }
  return value.size() > longest ? value.substr(0, longest) + "…" : value;
}

std::string in_words(const Condition& condition, const std::vector<std::string>& keys) {
  std::string out;
  for (std::size_t i = 0; i < std::min(keys.size(), most_keys_in_label); ++i)
    out += text(out.empty() ? "" : ", ", keys[i], ' ', condition.values[i]);
  return keys.size() > most_keys_in_label ? out + ", …" : out;
}

std::string seeds_of(const Condition& condition) {
  constexpr std::size_t shown = 6;
  std::string out = condition.runs.size() == 1 ? "seed " : "seeds ";
  for (std::size_t i = 0; i < std::min(shown, condition.runs.size()); ++i)
    out += text(i == 0 ? "" : ", ", condition.runs[i]->recipe.seed);
  return condition.runs.size() > shown ? out + ", …" : out;
}

void name_conditions(Conditions& conditions, std::span<const RunData> runs) {
  const std::vector<std::string> names = distinct_names(runs);
  const bool single = std::ranges::all_of(conditions.all, [](const Condition& c) { return c.runs.size() == 1; });
  conditions.labels_tell_values = !single && conditions.keys.size() <= most_keys_in_label;
  for (std::size_t i = 0; i < conditions.all.size(); ++i) {
    Condition& c = conditions.all[i];
    const std::string words = in_words(c, conditions.keys);
    c.colour = html::series_colour(i, conditions.all.size());
    if (single) {
      c.label = names[static_cast<std::size_t>(c.runs.front() - runs.data())];
      c.detail = words;
    } else {
      c.label = words.empty() ? "all runs" : words;
      c.detail = text(static_cast<int>(c.runs.size()), c.runs.size() == 1 ? " run, " : " runs, ", seeds_of(c));
    }
  }
  // What is the same for all needs no line in each legend.
  const bool same =
      std::ranges::all_of(conditions.all, [&](const Condition& c) { return c.detail == conditions.all[0].detail; });
  if (same)
    for (Condition& c : conditions.all) c.detail.clear();
}

}  // namespace

Conditions conditions_of(std::span<const RunData> runs) {
  Conditions out;
  std::vector<Recipe> recipes;
  std::vector<std::string> changes;
  std::map<std::string, std::size_t> known;
  for (const RunData& run : runs) {
    const Recipe recipe = condition_recipe(run.recipe);
    const std::string changed = changes_of(run);
    const auto [at, first] = known.try_emplace(text(to_toml(recipe), changed), out.all.size());
    if (first) {
      out.all.emplace_back();
      recipes.push_back(recipe);
      changes.push_back(changed);
    }
    out.all[at->second].runs.push_back(&run);
  }
  if (recipes.empty()) return out;
  out.keys = differing_keys(recipes, changes);
  for (std::size_t i = 0; i < recipes.size(); ++i)
    for (const std::string& key : out.keys)
      out.all[i].values.push_back(key == "groups"    ? text(static_cast<int>(recipes[i].groups.size()), " of its own")
                                  : key == "changed" ? value_in_words(changes[i])
                                                     : value_in_words(get(recipes[i], key)));
  sort_by_values(out.all);
  name_conditions(out, runs);
  return out;
}

std::vector<std::string> distinct_names(std::span<const RunData> runs) {
  std::map<std::string, int> count;
  for (const RunData& run : runs) ++count[run.name];
  std::vector<std::string> out;
  for (const RunData& run : runs)
    out.push_back(count[run.name] > 1 && !run.parent.empty() ? text(run.parent, '/', run.name) : run.name);
  return out;
}

Spread spread_of(const std::vector<double>& values) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  Spread out{.mean = 0, .least = INFINITY, .largest = -INFINITY, .known = static_cast<int>(values.size())};
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    out.least = std::min(out.least, value);
    out.largest = std::max(out.largest, value);
    out.mean += value;
    ++out.count;
  }
  if (out.count == 0) return {nan, nan, nan, out.known, 0};
  out.mean /= out.count;
  return out;
}

Spread spread_of(const Condition& condition, const RunValue& value) {
  std::vector<double> values;
  for (const RunData* const run : condition.runs)
    if (const std::optional<double> number = value(*run)) values.push_back(*number);
  return spread_of(values);
}

}  // namespace ebb
