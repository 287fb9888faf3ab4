#include "lab/runs/recipe_changes.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "framework/io/json_nesting.h"
#include "framework/io/read_text.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "lab/recipe/names.h"
#include "lab/runs/run_files.h"

namespace ebb {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* damaged_changes =
    "the file is damaged: take a copy of it, or remove it to go on as recipe.toml says";

// The keys of the recipe that a change sets.
void apply_change(Recipe& recipe, const RecipeChange& change, const std::string& where) {
  const std::vector<RecipeKey> known = recipe_keys(recipe);
  for (const ChangedSetting& setting : change.settings) {
    if (setting.key == checksums_key) continue;
    const bool is_known = std::ranges::any_of(known, [&](const RecipeKey& key) { return key.key == setting.key; });
    Recipe plain;
    set(is_known ? recipe : plain, setting.key, setting.to, where);  // a plain recipe refuses the key
  }
}

Recipe with_changes(Recipe recipe, const std::vector<RecipeChange>& changes, const std::string& where) {
  std::int64_t line = 0;
  for (const RecipeChange& change : changes) apply_change(recipe, change, text(where, ':', ++line));
  return recipe;
}

RecipeChange change_from(const Json& json) {
  RecipeChange out{.step = json.at("step").get_ref<const std::int64_t&>(),
                   .epochs = json.at("epochs").get_ref<const std::int64_t&>(),
                   .settings = {}};
  for (const Json& setting : json.at("settings"))
    out.settings.push_back({setting.at("key").get<std::string>(), setting.at("from").get<std::string>(),
                            setting.at("to").get<std::string>()});
  return out;
}

}  // namespace

RunRecipe run_recipe(const Directory& run) {
  FileSource file(run, run_files::recipe.name);
  RunRecipe out{.first = recipe_from_toml(read_text(file, run_files::recipe.most_read), file.name(), any_names()),
                .changes = {},
                .now = {}};
  if (run.entry(run_files::changes.name) != Directory::Entry::nothing) {
    FileSource changes(run, run_files::changes.name);
    out.changes = changes_from_json_lines(read_text(changes, run_files::changes.most_read), changes.name());
  }
  out.now = with_changes(out.first, out.changes, (run.path() / run_files::changes.name).string());
  return out;
}

std::string to_json_lines(const std::vector<RecipeChange>& changes) {
  std::string out;
  for (const RecipeChange& change : changes) {
    Json settings = Json::array();
    for (const ChangedSetting& s : change.settings)
      settings.push_back({{"key", s.key}, {"from", s.from}, {"to", s.to}});
    out += Json{{"step", change.step}, {"epochs", change.epochs}, {"settings", settings}}.dump() + '\n';
  }
  return out;
}

std::vector<RecipeChange> changes_from_json_lines(std::string_view lines, const std::string& where) {
  std::vector<RecipeChange> out;
  while (!lines.empty()) {
    const std::string place = text(where, ':', static_cast<std::int64_t>(out.size()) + 1);
    const std::size_t end = lines.find('\n');
    if (end == std::string_view::npos) fail(place, "a line without an end", "whole lines", damaged_changes);
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(end + 1);
    require_json_nesting(line, place);
    try {
      out.push_back(change_from(Json::parse(line)));
    } catch (const Json::exception&) {
      fail(place, in_quotes(line.substr(0, 80)), "a change as Ebb writes it", damaged_changes);
    }
    const RecipeChange& last = out.back();
    if (last.settings.empty() || last.step < 0 || last.epochs < 0 ||
        (out.size() > 1 && last.step < out[out.size() - 2].step))
      fail(place, text("a change of ", last.settings.size(), " settings after batch ", last.step),
           "one setting at least, and places in their order", damaged_changes);
  }
  return out;
}

std::vector<RecipeChange> changes_at(const RunRecipe& before, const Recipe& now, std::int64_t step, std::int64_t epochs,
                                     const std::string& begun, const std::string& data) {
  std::vector<RecipeChange> out = before.changes;
  std::erase_if(out, [&](const RecipeChange& change) { return change.step > step; });
  const Recipe here = with_changes(before.first, out, run_files::changes.name);
  RecipeChange change{.step = step, .epochs = epochs, .settings = {}};
  const auto compare = [&](std::string_view key, const std::string& from, const std::string& to) {
    if (from != to) change.settings.push_back({std::string(key), from, to});
  };
  for (const RecipeKey& key : recipe_keys(now)) compare(key.key, get(here, key.key), get(now, key.key));
  compare(checksums_key, checksums_after(out, begun), data);
  if (!change.settings.empty()) out.push_back(std::move(change));
  return out;
}

std::string in_words(const RecipeChange& change) {
  std::string out;
  for (const ChangedSetting& s : change.settings)
    out += text(s.key, ": ", in_quotes(s.from), " until batch ", change.step, ", then ", in_quotes(s.to), '\n');
  return out;
}

std::string checksums_after(const std::vector<RecipeChange>& changes, const std::string& at_the_beginning) {
  std::string out = at_the_beginning;
  for (const RecipeChange& change : changes)
    for (const ChangedSetting& setting : change.settings)
      if (setting.key == checksums_key) out = setting.to;
  return out;
}

bool change_results(const std::vector<RecipeChange>& changes) {
  return std::ranges::any_of(changes, [](const RecipeChange& change) {
    return std::ranges::any_of(change.settings, [](const ChangedSetting& s) { return !is_harmless(s.key); });
  });
}

bool is_harmless(std::string_view key) {
  constexpr std::array<std::string_view, 8> harmless{"threads",  "prefetch",    "save_minutes", "save_steps",
                                                     "data_dir", "tensorboard", "overlap",      "comm_timeout"};
  return std::ranges::find(harmless, key) != harmless.end();
}

}  // namespace ebb
