#include "lab/setup/extensions.h"

#include <algorithm>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "lab/recipe/names.h"

namespace ebb {
namespace {

bool is_word(std::string_view name, bool key) {
  const auto fits = [key](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           (!key && ((c >= 'A' && c <= 'Z') || c == '-' || c == '.'));
  };
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, fits);
}

// The names of one kind of things, beside those of Ebb's. A name in another case would never be found.
void require_names(const char* kind, const std::vector<std::string>& own, const std::vector<std::string>& known,
                   bool key) {
  std::vector<std::string> given;
  for (const std::string& name : own) {
    const std::string where = text("Extensions: ", kind, ' ', in_quotes(name));
    if (!is_word(name, key))
      fail(where, "no word", key ? "small letters, digits and underscores" : "letters, digits, hyphens, underscores");
    if (name == "default" || same_name(name, known)) fail(where, "a name of Ebb's", "another name");
    if (same_name(name, given)) fail(where, "a name that is given twice", "another name");
    given.push_back(name);
  }
}

template <class Thing>
std::vector<std::string> names_of(const std::vector<Thing>& things) {
  std::vector<std::string> out;
  for (const Thing& thing : things) out.push_back(thing.name);
  return out;
}

std::vector<std::string> names_of(const std::vector<RecipeKey>& keys) {
  std::vector<std::string> out;
  for (const RecipeKey& key : keys) out.push_back(key.key);
  return out;
}

template <class Thing>
void require_keys(const char* kind, const std::vector<Thing>& things, const std::vector<std::string>& known) {
  for (const Thing& thing : things)
    for (const std::string& key : thing.keys)
      if (std::ranges::find(known, key) == known.end())
        fail(text("Extensions: ", kind, ' ', in_quotes(thing.name)), text("the key ", in_quotes(key)),
             "a key of recipes, or one of Extensions::keys", did_you_mean(key, known));
}

template <class Thing, class Function>
void require_function(const char* kind, const std::vector<Thing>& things, Function Thing::*function) {
  for (const Thing& thing : things)
    if (!(thing.*function)) fail(text("Extensions: ", kind, ' ', in_quotes(thing.name)), "no function", "one");
}

}  // namespace

std::shared_ptr<const Extensions> checked(Extensions extensions) {
  const Extensions& e = extensions;
  require_names("model", names_of(e.models), recipe_model_names(), false);
  for (const OwnModel& model : e.models)
    if (is_model_name(model.name))
      fail(text("Extensions: model ", in_quotes(model.name)), "a name of Ebb's", "another");
  require_names("norm", names_of(e.norms), norm_names(), false);
  require_names("data set", names_of(e.data), data_names(), false);
  require_names("optimizer", names_of(e.optimizers), optimizer_names(), false);
  require_names("schedule", names_of(e.schedules), schedule_names(), false);
  require_names("decay", names_of(e.decays), decay_names(), false);
  std::vector<std::string> keys = names_of(recipe_keys());
  keys.emplace_back("groups");
  require_names("key", names_of(e.keys), keys, true);
  for (const OwnKey& key : e.keys)
    if (!(key.initial >= key.low && key.initial <= key.high) || !is_line(key.help))
      fail(text("Extensions: key ", in_quotes(key.name)), text(key.initial), text("from ", key.low, " to ", key.high),
           "its initial value lies in its range, and its help is one line");
  for (const OwnKey& key : e.keys) keys.push_back(key.name);
  require_keys("model", e.models, keys);
  require_keys("optimizer", e.optimizers, keys);
  require_keys("schedule", e.schedules, keys);
  require_keys("decay", e.decays, keys);
  require_function("model", e.models, &OwnModel::make);
  require_function("norm", e.norms, &OwnNorm::make);
  require_function("data set", e.data, &OwnData::read);
  require_function("optimizer", e.optimizers, &OwnOptimizer::make);
  require_function("schedule", e.schedules, &OwnSchedule::make);
  require_function("decay", e.decays, &OwnDecay::make);
  for (const OnnxOp& op : e.onnx)
    if (op.op.empty() || !op.write)
      fail(text("Extensions: ONNX op ", in_quotes(op.op)), "no name or no function", "both");
  return std::make_shared<const Extensions>(std::move(extensions));
}

Recipe for_program(Recipe recipe, const std::shared_ptr<const Extensions>& extensions) {
  Recipe known = blank_recipe(extensions);
  std::string seen;
  try {
    for (const RecipeKey& key : recipe_keys(recipe)) {
      const std::string value = get(recipe, key.key);
      seen = text(key.key, " = ", value);
      set(known, key.key, value, "recipe.toml");
    }
    for (const GroupRecipe& group : recipe.groups) {
      known.groups.push_back(group);
      for (const auto& [key, value] : group.own) {
        seen = text(key, " = ", value, " in group ", in_quotes(group.name));
        set(known.groups.back(), key, value, "recipe.toml", known);
      }
    }
  } catch (const Error&) {
    fail("run", text("one that another program made, with ", seen, ", which this one does not know"),
         "the program that the run was made with", "any program reports it, that one alone goes on with it");
  }
  return known;
}

std::string own_things(const Extensions& e) {
  std::string out;
  const auto add = [&out](const char* kind, const std::vector<std::string>& names) {
    for (const std::string& name : names) out += text(out.empty() ? "" : ", ", kind, ' ', name);
  };
  add("model", names_of(e.models));
  add("norm", names_of(e.norms));
  add("data set", names_of(e.data));
  add("optimizer", names_of(e.optimizers));
  add("schedule", names_of(e.schedules));
  add("decay", names_of(e.decays));
  add("key", names_of(e.keys));
  return out;
}

std::vector<OwnKey> own_keys(const Extensions* own) { return own != nullptr ? own->keys : std::vector<OwnKey>(); }

std::vector<Choice> own_model_choices(const Extensions* own) {
  std::vector<Choice> choices;
  if (own == nullptr) return choices;
  for (const OwnModel& model : own->models) {
    choices.push_back({model.name});
    for (const OwnKey& key : own->keys)
      if (std::ranges::find(model.keys, key.name) != model.keys.end()) choices.back().keys.push_back(key.name);
  }
  return choices;
}

std::shared_ptr<const Extensions> any_names() {
  static const auto any = std::make_shared<const Extensions>(Extensions{.unknown_names = true});
  return any;
}

bool has_unknown_names(const Extensions* own) { return own != nullptr && own->unknown_names; }

std::vector<std::string> recipe_model_names(const Extensions* own) {
  std::vector<std::string> names = model_names();
  if (own != nullptr)
    for (const OwnModel& model : own->models) names.push_back(model.name);
  return names;
}

}  // namespace ebb
