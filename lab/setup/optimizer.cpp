// Optimizers by name, and the group table of a recipe.
#include <set>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "framework/tensor/suggest.h"
#include "lab/recipe/names.h"
#include "lab/recipe/selector_text.h"
#include "lab/setup/build.h"
#include "lab/setup/position_words.h"
#include "optim/adadelta.h"
#include "optim/adagrad.h"
#include "optim/adam.h"
#include "optim/lamb.h"
#include "optim/lars.h"
#include "optim/lion.h"
#include "optim/muon.h"
#include "optim/nadam.h"
#include "optim/radam.h"
#include "optim/rmsprop.h"
#include "optim/sgd.h"

namespace ebb {
namespace {

// The keys of a recipe that belong to some optimizers only, as one of them takes them.
class Settings {
 public:
  explicit Settings(const Recipe& recipe) : recipe_(recipe) {}

  // Takes `member` over, unless the recipe leaves it to the optimizer.
  template <class T>
  void take(const char* key, std::optional<T> Recipe::*member, T& into) {
    taken_.insert(key);
    if (recipe_.*member) into = *(recipe_.*member);
  }

  // No key may have been set in vain.
  void require_all_taken() const {
    std::string takes;
    for (const std::string& key : taken_) takes += (takes.empty() ? "" : ", ") + key;
    for (const char* const key : {"momentum", "dampening", "nesterov", "beta1", "beta2", "alpha", "eps", "amsgrad",
                                  "centered", "trust", "momentum_decay", "lr_decay", "adam_lr"})
      if (taken_.count(key) == 0 && get(recipe_, key) != "default")
        fail(key, text(get(recipe_, key), " for the optimizer ", recipe_.optimizer), text("one of ", takes),
             "leave it out, or choose another optimizer");
  }

 private:
  const Recipe& recipe_;
  std::set<std::string> taken_;
};

using Made = std::unique_ptr<Optimizer>;

struct Inputs {
  Groups groups;
  Settings settings;
  CommonOptions common;
  std::vector<std::string> adam_groups;
};

// An optimizer from its options, with what all have in common filled in.
template <class O, class Options>
Made finish(Inputs& inputs, Options options) {
  options.lr = inputs.common.lr;
  options.schedule = inputs.common.schedule;
  options.decay = inputs.common.decay;
  options.gradient = inputs.common.gradient;
  options.plateau = inputs.common.plateau;
  return std::make_unique<O>(inputs.groups, options);
}

Made make_sgd(Inputs& inputs) {
  SgdOptions o{.momentum = 0.9};
  inputs.settings.take("momentum", &Recipe::momentum, o.momentum);
  inputs.settings.take("dampening", &Recipe::dampening, o.dampening);
  inputs.settings.take("nesterov", &Recipe::nesterov, o.nesterov);
  return finish<Sgd>(inputs, o);
}

// The Adam family, as far as its options have the same names.
template <class O, class Options>
Made make_adam(Inputs& inputs) {
  Options o;
  inputs.settings.take("beta1", &Recipe::beta1, o.beta1);
  inputs.settings.take("beta2", &Recipe::beta2, o.beta2);
  if constexpr (requires { o.eps; }) inputs.settings.take("eps", &Recipe::eps, o.eps);
  if constexpr (requires { o.amsgrad; }) inputs.settings.take("amsgrad", &Recipe::amsgrad, o.amsgrad);
  if constexpr (requires { o.momentum_decay; })
    inputs.settings.take("momentum_decay", &Recipe::momentum_decay, o.momentum_decay);
  return finish<O>(inputs, o);
}

Made make_lars(Inputs& inputs) {
  LarsOptions o;
  inputs.settings.take("momentum", &Recipe::momentum, o.momentum);
  inputs.settings.take("trust", &Recipe::trust, o.trust);
  inputs.settings.take("eps", &Recipe::eps, o.eps);
  return finish<Lars>(inputs, o);
}

Made make_rmsprop(Inputs& inputs) {
  RmsPropOptions o;
  inputs.settings.take("alpha", &Recipe::alpha, o.alpha);
  inputs.settings.take("eps", &Recipe::eps, o.eps);
  inputs.settings.take("momentum", &Recipe::momentum, o.momentum);
  inputs.settings.take("centered", &Recipe::centered, o.centered);
  return finish<RmsProp>(inputs, o);
}

Made make_adagrad(Inputs& inputs) {
  AdagradOptions o;
  inputs.settings.take("lr_decay", &Recipe::lr_decay, o.lr_decay);
  inputs.settings.take("eps", &Recipe::eps, o.eps);
  return finish<Adagrad>(inputs, o);
}

Made make_adadelta(Inputs& inputs) {
  AdadeltaOptions o;
  inputs.settings.take("alpha", &Recipe::alpha, o.rho);
  inputs.settings.take("eps", &Recipe::eps, o.eps);
  return finish<Adadelta>(inputs, o);
}

Made make_muon(Inputs& inputs) {
  MuonOptions o;
  inputs.settings.take("momentum", &Recipe::momentum, o.momentum);
  inputs.settings.take("nesterov", &Recipe::nesterov, o.nesterov);
  inputs.settings.take("beta2", &Recipe::beta2, o.adam_beta2);
  inputs.settings.take("eps", &Recipe::eps, o.adam_eps);
  inputs.settings.take("adam_lr", &Recipe::adam_lr, o.adam_lr);
  o.adam_groups = inputs.adam_groups;
  return finish<Muon>(inputs, o);
}

// An optimizer is a line here.
struct Entry {
  const char* name;
  Made (*make)(Inputs& inputs);
};

constexpr Entry entries[] = {
    {"sgd", make_sgd},
    {"adam", make_adam<Adam, AdamOptions>},
    {"adamw", make_adam<AdamW, AdamOptions>},
    {"nadam", make_adam<NAdam, NAdamOptions>},
    {"radam", make_adam<RAdam, RAdamOptions>},
    {"lamb", make_adam<Lamb, LambOptions>},
    {"lion", make_adam<Lion, LionOptions>},
    {"lars", make_lars},
    {"rmsprop", make_rmsprop},
    {"adagrad", make_adagrad},
    {"adadelta", make_adadelta},
    {"muon", make_muon},
};

// A line of a policy: which parameters, and whether they decay.
struct Line {
  const char* name;
  Selector selector;
  bool decays;
};

struct Policy {
  const char* name;
  std::vector<Line> (*lines)();
};

constexpr Policy policies[] = {
    {"weights",
     [] {
       return std::vector<Line>{{"no decay", norms() || biases(), false}, {"decayed", everything_else(), true}};
     }},
    {"everything",
     [] {
       return std::vector<Line>{{"decayed", everything_else(), true}};
     }},
    {"norms_and_biases",
     [] {
       return std::vector<Line>{{"decayed", norms() || biases(), true}, {"no decay", everything_else(), false}};
     }},
    {"nothing",
     [] {
       return std::vector<Line>{{"no decay", everything_else(), false}};
     }},
};

std::vector<GroupRule> policy_rules(const Recipe& recipe, const Decay& decay) {
  for (const Policy& policy : policies) {
    if (recipe.decay_on != policy.name) continue;
    std::vector<GroupRule> rules;
    for (const Line& line : policy.lines())
      rules.push_back(
          {line.name, line.selector, {.decay = line.decays ? decay : no_decay(), .may_be_empty = !line.decays}});
    return rules;
  }
  fail("decay_on", in_quotes(recipe.decay_on), "a policy", suggestion(recipe.decay_on, decay_policies()));
}

std::vector<GroupRule> own_rules(const Recipe& recipe, const StepCounts& steps, const Recorded& record) {
  if (recipe.groups.empty())
    fail("decay_on", "\"groups\" without a table", "[[groups]] in the recipe file", "or another policy");
  std::vector<GroupRule> rules;
  PositionWords words(record);
  for (const GroupRecipe& g : recipe.groups) {
    GroupOptions options{.lr_scale = g.lr_scale, .momentum = g.momentum, .may_be_empty = g.may_be_empty};
    options.decay = make_decay(recipe, steps, g.decay.empty() ? recipe.decay : g.decay,
                               g.lambda.value_or(recipe.lambda), g.l1.value_or(recipe.l1));
    if (g.max_norm) options.after_step = max_norm(*g.max_norm);
    rules.push_back({g.name, selector_from_text(g.select, words.of(g)), options});
  }
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
    fail("decay_on", text('"', recipe.decay_on, "\" beside [[groups]]"), "decay_on = \"groups\"", "or no table");
  std::vector<GroupRule> rules =
      own ? own_rules(recipe, steps, record)
          : policy_rules(recipe, make_decay(recipe, steps, recipe.decay, recipe.lambda, recipe.l1));
  if (recipe.optimizer == "muon" && !own) rules = split_for_muon(rules);
  const Groups table = groups(model, rules);
  return recipe.layerwise_lr == 1 ? table : layerwise_lr(table, recipe.layerwise_lr);
}

Clip make_clip(const Recipe& recipe) {
  if (recipe.clip == "value") return clip_value(recipe.clip_limit);
  if (recipe.clip == "norm") return clip_norm(recipe.clip_limit);
  if (recipe.clip == "group_norm") return clip_group_norm(recipe.clip_limit);
  return {};
}

}  // namespace

std::vector<std::string> optimizer_names() {
  std::vector<std::string> names;
  for (const Entry& entry : entries) names.emplace_back(entry.name);
  return names;
}

std::vector<std::string> decay_policies() {
  std::vector<std::string> names;
  for (const Policy& policy : policies) names.emplace_back(policy.name);
  names.emplace_back("groups");
  return names;
}

std::unique_ptr<Optimizer> make_optimizer(const Recipe& recipe, Layer& model, std::int64_t batches,
                                          const Recorded& record) {
  const StepCounts steps = step_counts(recipe, batches);
  Inputs inputs{.groups = make_groups(recipe, model, steps, record),
                .settings = Settings(recipe),
                .common = {},
                .adam_groups = {}};
  inputs.common.lr = recipe.lr;
  inputs.common.schedule = make_schedule(recipe, steps);
  inputs.common.decay = no_decay();  // every group of a recipe has its own
  inputs.common.gradient = {.clip = make_clip(recipe), .accumulate = static_cast<int>(recipe.accumulate)};
  if (recipe.plateau)
    inputs.common.plateau =
        PlateauOptions{.factor = recipe.plateau_factor, .patience = static_cast<int>(recipe.plateau_patience)};
  if (recipe.optimizer == "muon") inputs.adam_groups = groups_of_adam(recipe, inputs.groups);
  for (const Entry& entry : entries) {
    if (recipe.optimizer != entry.name) continue;
    std::unique_ptr<Optimizer> made = entry.make(inputs);
    inputs.settings.require_all_taken();
    return made;
  }
  fail("optimizer", in_quotes(recipe.optimizer), "an optimizer", suggestion(recipe.optimizer, optimizer_names()));
}

}  // namespace ebb
