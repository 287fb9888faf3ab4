#include "lab/recipe/recipe.h"

#include <charconv>
#include <system_error>
#include <utility>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "framework/tensor/suggest.h"
#include "lab/recipe/idle_keys.h"
#include "lab/recipe/keys.h"

namespace ebb {
namespace {

using detail::Field;
using detail::group_fields;
using detail::Section;
using detail::sections;
using detail::Written;

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

const Field<Recipe>& field(std::string_view key, std::string_view place = {}) {
  if (const Field<Recipe>* const found = find(key)) return *found;
  if (key == "groups") fail(at_place(place, "recipe"), "the key \"groups\" as text", "[[groups]] in a recipe file");
  std::vector<std::string> known;
  for (const RecipeKey& each : recipe_keys()) known.emplace_back(each.key);
  fail_unknown(at_place(place, "recipe"), key, known, "`ebb train --help` lists them");
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
RecipeKey described(const char* section, const Field<Keys>& f, std::string initial) {
  return {section, f.key, f.help + detail::read_by(f.key), f.written == Written::list, std::move(initial)};
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

const std::vector<RecipeKey>& recipe_keys() {
  static const std::vector<RecipeKey> all = [] {
    std::vector<RecipeKey> keys;
    for (const Section& section : sections())
      for (const Field<Recipe>& f : section.fields) keys.push_back(described(section.title, f, f.get(Recipe{})));
    return keys;
  }();
  return all;
}

const std::vector<RecipeKey>& group_keys() {
  static const std::vector<RecipeKey> all = [] {
    std::vector<RecipeKey> keys;
    for (const Field<GroupRecipe>& f : group_fields()) keys.push_back(described("groups", f, f.get(GroupRecipe{})));
    for (const Section& section : sections())
      for (const Field<Recipe>& f : section.fields)
        if (f.of_groups) keys.push_back(described("groups", f, "the recipe's"));
    return keys;
  }();
  return all;
}

Recipe recipe_of_group(const Recipe& recipe, const GroupRecipe& group) {
  Recipe own = recipe;
  for (const auto& [key, value] : group.own) set(own, key, value, text("group ", in_quotes(group.name)));
  return own;
}

void set(Recipe& recipe, std::string_view key, std::string_view value, std::string_view place) {
  field(key, place).set(recipe, value, at_place(place, key));
}

void apply_settings(Recipe& recipe, const std::vector<std::string>& settings) {
  for (const std::string& setting : settings) {
    const auto equals = setting.find('=');
    if (equals == std::string::npos) fail("--set", in_quotes(setting), "key=value, for example --set lr=0.05");
    set(recipe, setting.substr(0, equals), setting.substr(equals + 1));
  }
}

std::string get(const Recipe& recipe, std::string_view key) { return field(key).get(recipe); }

void set(GroupRecipe& group, std::string_view key, std::string_view value, std::string_view place) {
  for (const Field<GroupRecipe>& f : group_fields())
    if (f.key == key) return f.set(group, value, at_place(place, key));
  if (const Field<Recipe>* const f = find(key); f != nullptr && f->of_groups) {
    if (value == detail::unset) group.own.erase(std::string(key));
    else {
      Recipe checked;
      f->set(checked, value, at_place(place, key));
      group.own[std::string(key)] = f->get(checked);
    }
    return;
  }
  std::vector<std::string> known;
  for (const RecipeKey& each : group_keys()) known.emplace_back(each.key);
  fail_unknown(at_place(place, "groups"), key, known,
               find(key) != nullptr ? "it belongs to the whole recipe" : "`ebb train --help` lists them");
}

std::string to_toml(const Recipe& recipe) {
  std::string out;
  for (const Section& section : sections()) {
    out += text(out.empty() ? "" : "\n", "# ", section.title, '\n');
    for (const Field<Recipe>& f : section.fields) out += toml_line(f, f.get(recipe));
  }
  for (const GroupRecipe& group : recipe.groups) {
    out += "\n[[groups]]\n";
    for (const Field<GroupRecipe>& f : group_fields())
      if (f.get(group) != f.get(GroupRecipe{})) out += toml_line(f, f.get(group));
    for (const auto& [key, value] : group.own) out += toml_line(field(key), value);
  }
  return out;
}

}  // namespace ebb
