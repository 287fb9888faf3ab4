// The group table of a recipe.
#include "lab/setup/groups.h"

#include <cmath>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "framework/tensor/suggest.h"
#include "lab/recipe/names.h"
#include "lab/recipe/selector_text.h"
#include "lab/setup/position_words.h"

namespace ebb {
namespace {

std::vector<GroupRule> decay_norms_and_biases(Decay decay) {
  return {{"decayed", norms() || biases(), {.decay = std::move(decay)}},
          {"no decay", everything_else(), {.decay = no_decay(), .may_be_empty = true}}};
}

std::vector<GroupRule> decay_nothing(Decay /*decay*/) {
  return {{"no decay", everything_else(), {.decay = no_decay(), .may_be_empty = true}}};
}

// Words of recipes and the tables that they stand for.
struct Policy {
  const char* name;
  std::vector<GroupRule> (*rules)(Decay);
};

constexpr Policy policies[] = {
    {"weights", decay_weights_only},  {"all_but_norms_and_biases", decay_all_but_norms_and_biases},
    {"everything", decay_everything}, {"norms_and_biases", decay_norms_and_biases},
    {"nothing", decay_nothing},
};

std::vector<GroupRule> policy_rules(const Recipe& recipe, const Decay& decay) {
  for (const Policy& policy : policies)
    if (recipe.decay_on == policy.name) return policy.rules(decay);
  fail("decay_on", in_quotes(recipe.decay_on), "a policy", suggestion(recipe.decay_on, decay_policies()));
}

GroupRule own_rule(const Recipe& recipe, const GroupRecipe& group, const StepCounts& steps, PositionWords& words) {
  const Recipe own = recipe_of_group(recipe, group);
  GroupOptions options{.decay = make_decay(own, steps),
                       .lr_scale = group.lr_scale,
                       .momentum = group.momentum,
                       .schedule = make_schedule(own, steps),
                       .may_be_empty = group.may_be_empty};
  if (group.max_norm) options.after_step = max_norm(*group.max_norm);
  if (group.until_epoch > 0) options.until = std::llround(group.until_epoch * steps.per_epoch);
  return {group.name, selector_from_text(group.select, words.of(group)), options};
}

std::vector<GroupRule> own_rules(const Recipe& recipe, const StepCounts& steps, const Recorded& record) {
  if (recipe.groups.empty())
    fail("decay_on", "decay_on = \"groups\" without a table", "[[groups]] in the recipe file", "or another policy");
  std::vector<GroupRule> rules;
  PositionWords words(record);
  for (const GroupRecipe& group : recipe.groups) rules.push_back(own_rule(recipe, group, steps, words));
  return rules;
}

// Muon takes the matrices between input and output: each group of a policy is split.
std::vector<GroupRule> split_for_muon(const std::vector<GroupRule>& rules) {
  std::vector<GroupRule> split;
  for (const GroupRule& rule : rules) {
    GroupRule matrices = rule, rest = rule;
    matrices.selector = rule.selector && weights() && !depth(-1, -1);
    rest.name += ", by Adam";
    matrices.options.may_be_empty = rest.options.may_be_empty = true;
    split.push_back(matrices);
    split.push_back(rest);
  }
  return split;
}

}  // namespace

std::vector<std::string> groups_of_adam(const Recipe& recipe, const Groups& table) {
  std::vector<std::string> names;
  for (const Group& group : table.list()) {
    bool adam = group.name.find(", by Adam") != std::string::npos;
    for (const GroupRecipe& own : recipe.groups) adam = adam || (own.adam && group.name == own.name);
    if (adam) names.push_back(group.name);
  }
  return names;
}

Groups make_groups(const Recipe& recipe, Layer& model, const StepCounts& steps, const Recorded& record) {
  const bool own = recipe.decay_on == "groups";
  if (!own && !recipe.groups.empty())
    fail("decay_on", text("decay_on = \"", recipe.decay_on, "\" beside [[groups]]"), "decay_on = \"groups\"",
         "or no table");
  std::vector<GroupRule> rules =
      own ? own_rules(recipe, steps, record) : policy_rules(recipe, make_decay(recipe, steps));
  if (recipe.optimizer == "muon" && !own) rules = split_for_muon(rules);
  const Groups table = groups(model, rules);
  return recipe.layerwise_lr == 1 ? table : layerwise_lr(table, recipe.layerwise_lr);
}

std::vector<std::string> decay_policies() {
  std::vector<std::string> names;
  for (const Policy& policy : policies) names.emplace_back(policy.name);
  names.emplace_back("groups");
  return names;
}

}  // namespace ebb
