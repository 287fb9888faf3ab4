#include "lab/recipe/recipe.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <system_error>
#include <utility>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "framework/tensor/suggest.h"
#include "lab/recipe/idle_keys.h"
#include "lab/recipe/keys.h"
#include "lab/recipe/word_field.h"

namespace ebb {
namespace {

using detail::Field;
using detail::group_fields;
using detail::Section;
using detail::sections;
using detail::Written;

constexpr const char* own_section = "of this program";

// What a message is about, behind the place in a file that it comes from.
std::string at_place(std::string_view place, std::string_view what) {
  return place.empty() ? std::string(what) : text(place, ": ", what);
}

[[noreturn]] void fail_unknown(const std::string& where, std::string_view key, const std::vector<std::string>& known,
                               std::string_view otherwise) {
  const std::string meant = did_you_mean(key, known, recipe_synonyms());
  const bool strength = meant.find("\"lambda\"") != std::string::npos;
  fail(where, text("the key ", in_quotes(key)), "a known key",
       text(meant.empty() ? otherwise : meant,
            strength ? " The key \"decay\" says which kind: SGD and Adam of PyTorch have \"coupled_l2\", AdamW "
                       "\"decoupled_lr\"."
                     : ""));
}

const Field<Recipe>* find(std::string_view key) {
  for (const Section& section : sections())
    for (const Field<Recipe>& f : section.fields)
      if (f.key == key) return &f;
  return nullptr;
}

// No field and no key of the extensions.
[[noreturn]] void fail_unknown_key(const Recipe& recipe, std::string_view key, std::string_view place) {
  if (key == "groups") fail(at_place(place, "recipe"), "the key \"groups\" as text", "[[groups]] in a recipe file");
  std::vector<std::string> known;
  for (const RecipeKey& each : recipe_keys(recipe)) known.emplace_back(each.key);
  fail_unknown(at_place(place, "recipe"), key, known, "`ebb train --help` lists them");
}

constexpr std::size_t most_own_keys = 100;  // of a recipe that another program wrote

// Sets a key of the extensions. False: there is none of this name.
bool set_own(Recipe& recipe, std::string_view key, std::string_view value, const std::string& where) {
  for (const OwnKey& own : own_keys(recipe.extensions.get()))
    if (own.name == key) {
      const detail::Range<double> range{.low = own.low, .high = own.high};
      recipe.own[own.name] = value == detail::unset ? own.initial : detail::parse_number(value, where, range);
      return true;
    }
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  const bool named = !key.empty() && std::ranges::all_of(key, fits);
  if (!has_unknown_names(recipe.extensions.get()) || !named || key == "groups" || recipe.own.size() >= most_own_keys)
    return false;
  const detail::Range<double> any{.low = std::numeric_limits<double>::lowest()};
  recipe.own[detail::require_line(key, where)] = detail::parse_number(value, where, any);
  return true;
}

std::string quote(const std::string& value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// TOML takes digits alone for a whole number, of which it has those of 64 bits.
std::string plain_value(const std::string& value) {
  std::int64_t whole = 0;
  const std::errc error = std::from_chars(value.data(), value.data() + value.size(), whole).ec;
  return error == std::errc::result_out_of_range ? value + ".0" : value;
}

template <class Keys>
RecipeKey described(const char* section, const Field<Keys>& f, std::string initial, const Recipe& recipe,
                    const std::vector<detail::Family>& families) {
  const std::string help =
      f.choices == nullptr ? f.help : detail::with_choices(f.help, f.choices(recipe.extensions.get()));
  return {section, f.key, help + detail::read_by(f.key, families), f.written == Written::list, std::move(initial)};
}

template <class Keys>
std::string toml_line(const Field<Keys>& f, const std::string& value) {
  const bool quoted = f.written == Written::quoted || value == detail::unset;
  return text(f.key, " = ",
              quoted                       ? quote(value)
              : f.written == Written::list ? text('[', value, ']')
                                           : plain_value(value),
              '\n');
}

}  // namespace

Recipe blank_recipe(const std::shared_ptr<const Extensions>& extensions) {
  Recipe recipe;
  recipe.extensions = extensions;
  for (const OwnKey& key : own_keys(extensions.get())) recipe.own[key.name] = key.initial;
  return recipe;
}

std::vector<RecipeKey> recipe_keys(const Recipe& recipe) {
  const Extensions* const own = recipe.extensions.get();
  const std::vector<detail::Family> families = detail::choosing_keys(own);
  std::vector<RecipeKey> keys;
  for (const Section& section : sections())
    for (const Field<Recipe>& f : section.fields)
      keys.push_back(described(section.title, f, f.get(Recipe{}), recipe, families));
  std::map<std::string, double> others = recipe.own;  // of another program
  for (const OwnKey& key : own_keys(own)) {
    keys.push_back({own_section, key.name, key.help + detail::read_by(key.name, families), false, text(key.initial)});
    others.erase(key.name);
  }
  for (const auto& [key, value] : others) keys.push_back({own_section, key, {}, false, {}});
  return keys;
}

std::vector<RecipeKey> group_keys(const Recipe& recipe) {
  const std::vector<detail::Family> families = detail::choosing_keys(recipe.extensions.get());
  std::vector<RecipeKey> keys;
  for (const Field<GroupRecipe>& f : group_fields())
    keys.push_back(described("groups", f, f.get(GroupRecipe{}), recipe, families));
  for (const Section& section : sections())
    for (const Field<Recipe>& f : section.fields)
      if (f.of_groups) keys.push_back(described("groups", f, "the recipe's", recipe, families));
  return keys;
}

Recipe recipe_of_group(const Recipe& recipe, const GroupRecipe& group) {
  Recipe own = recipe;
  for (const auto& [key, value] : group.own) set(own, key, value, text("group ", in_quotes(group.name)));
  return own;
}

void set(Recipe& recipe, std::string_view key, std::string_view value, std::string_view place) {
  if (const Field<Recipe>* const f = find(key)) return f->set(recipe, value, at_place(place, key));
  if (!set_own(recipe, key, value, at_place(place, key))) fail_unknown_key(recipe, key, place);
}

void apply_settings(Recipe& recipe, const std::vector<std::string>& settings) {
  for (const std::string& setting : settings) {
    const auto equals = setting.find('=');
    if (equals == std::string::npos) fail("--set", in_quotes(setting), "key=value, for example --set lr=0.05");
    set(recipe, setting.substr(0, equals), setting.substr(equals + 1));
  }
}

std::string get(const Recipe& recipe, std::string_view key) {
  if (const Field<Recipe>* const f = find(key)) return f->get(recipe);
  if (const auto own = recipe.own.find(std::string(key)); own != recipe.own.end()) return text(own->second);
  if (has_unknown_names(recipe.extensions.get())) return {};
  fail_unknown_key(recipe, key, {});
}

void set(GroupRecipe& group, std::string_view key, std::string_view value, std::string_view place,
         const Recipe& recipe) {
  for (const Field<GroupRecipe>& f : group_fields())
    if (f.key == key) return f.set(group, value, at_place(place, key));
  if (const Field<Recipe>* const f = find(key); f != nullptr && f->of_groups) {
    if (value == detail::unset) group.own.erase(std::string(key));
    else {
      Recipe checked = blank_recipe(recipe.extensions);
      f->set(checked, value, at_place(place, key));
      group.own[std::string(key)] = f->get(checked);
    }
    return;
  }
  std::vector<std::string> known;
  for (const RecipeKey& each : group_keys(recipe)) known.emplace_back(each.key);
  fail_unknown(at_place(place, "groups"), key, known,
               find(key) != nullptr ? "it belongs to the whole recipe" : "`ebb train --help` lists them");
}

std::string to_toml(const Recipe& recipe) {
  std::string out;
  for (const Section& section : sections()) {
    out += text(out.empty() ? "" : "\n", "# ", section.title, '\n');
    for (const Field<Recipe>& f : section.fields) out += toml_line(f, f.get(recipe));
  }
  for (const auto& [key, value] : recipe.own)
    out += text(&key == &recipe.own.begin()->first ? text("\n# ", own_section, '\n') : "", key, " = ",
                plain_value(text(value)), '\n');
  for (const GroupRecipe& group : recipe.groups) {
    out += "\n[[groups]]\n";
    for (const Field<GroupRecipe>& f : group_fields())
      if (f.get(group) != f.get(GroupRecipe{})) out += toml_line(f, f.get(group));
    for (const auto& [key, value] : group.own) out += toml_line(*find(key), value);
  }
  return out;
}

}  // namespace ebb
