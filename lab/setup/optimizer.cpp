// Optimizers by name, with the keys that each of them takes.
#include <utility>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "framework/tensor/suggest.h"
#include "lab/recipe/names.h"
#include "lab/setup/build.h"
#include "lab/setup/extensions.h"
#include "lab/setup/groups.h"
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
  explicit Settings(const Recipe& recipe, std::vector<std::string> groups_of_adam = {})
      : adam_groups(std::move(groups_of_adam)), recipe_(recipe) {}

  // Takes `member` over, unless the recipe leaves it to the optimizer.
  template <class T>
  void take(const char* key, std::optional<T> Recipe::*member, T& into) {
    taken.emplace_back(key);
    if (recipe_.*member) into = *(recipe_.*member);
  }

  std::vector<std::string> taken;  // the keys so far
  std::vector<std::string> adam_groups;

 private:
  const Recipe& recipe_;
};

// What each optimizer takes, and its defaults where they are others in recipes.

void take(Settings& settings, SgdOptions& o) {
  o.momentum = 0.9;
  settings.take("momentum", &Recipe::momentum, o.momentum);
  settings.take("dampening", &Recipe::dampening, o.dampening);
  settings.take("nesterov", &Recipe::nesterov, o.nesterov);
}

// The Adam family, as far as its options have the same names.
template <class Options>
requires requires(Options o) { o.beta1; }
void take(Settings& settings, Options& o) {
  settings.take("beta1", &Recipe::beta1, o.beta1);
  settings.take("beta2", &Recipe::beta2, o.beta2);
  if constexpr (requires { o.eps; }) settings.take("eps", &Recipe::eps, o.eps);
  if constexpr (requires { o.amsgrad; }) settings.take("amsgrad", &Recipe::amsgrad, o.amsgrad);
  if constexpr (requires { o.momentum_decay; })
    settings.take("momentum_decay", &Recipe::momentum_decay, o.momentum_decay);
}

void take(Settings& settings, LarsOptions& o) {
  settings.take("momentum", &Recipe::momentum, o.momentum);
  settings.take("trust", &Recipe::trust, o.trust);
  settings.take("eps", &Recipe::eps, o.eps);
}

void take(Settings& settings, RmsPropOptions& o) {
  settings.take("alpha", &Recipe::alpha, o.alpha);
  settings.take("eps", &Recipe::eps, o.eps);
  settings.take("momentum", &Recipe::momentum, o.momentum);
  settings.take("centered", &Recipe::centered, o.centered);
}

void take(Settings& settings, AdagradOptions& o) {
  settings.take("lr_decay", &Recipe::lr_decay, o.lr_decay);
  settings.take("eps", &Recipe::eps, o.eps);
}

void take(Settings& settings, AdadeltaOptions& o) {
  settings.take("alpha", &Recipe::alpha, o.rho);
  settings.take("eps", &Recipe::eps, o.eps);
}

void take(Settings& settings, MuonOptions& o) {
  settings.take("momentum", &Recipe::momentum, o.momentum);
  settings.take("nesterov", &Recipe::nesterov, o.nesterov);
  settings.take("beta2", &Recipe::beta2, o.adam_beta2);
  settings.take("eps", &Recipe::eps, o.adam_eps);
  settings.take("adam_lr", &Recipe::adam_lr, o.adam_lr);
  o.adam_groups = settings.adam_groups;
}

// What is clipped is a line here.
struct Clipping {
  const char* name;
  Clip (*make)(double limit);
};

constexpr Clipping clippings[] = {
    {"none", [](double) { return Clip{}; }},
    {"value", [](double limit) { return clip_value(limit); }},
    {"norm", [](double limit) { return clip_norm(limit); }},
    {"group_norm", [](double limit) { return clip_group_norm(limit); }},
};

Clip make_clip(const Recipe& recipe) {
  for (const Clipping& clipping : clippings)
    if (recipe.clip == clipping.name) return clipping.make(recipe.clip_limit);
  fail("clip", in_quotes(recipe.clip), "what is clipped", suggestion(recipe.clip, clip_names()));
}

using Made = std::unique_ptr<Optimizer>;

struct Inputs {
  const Recipe& recipe;
  StepCounts steps;
  Groups groups;
};

// What all optimizers have in common. Every group of a recipe has its own decay.
template <class Options>
Options common_options(const Inputs& inputs) {
  const Recipe& recipe = inputs.recipe;
  Options options;
  options.lr = recipe.lr;
  options.schedule = make_schedule(recipe, inputs.steps);
  if constexpr (requires { options.momentum_schedule; })
    options.momentum_schedule = make_momentum_schedule(recipe, inputs.steps);
  else if (recipe.momentum_low != 1)
    fail("momentum_low", text("momentum_low = ", recipe.momentum_low, " beside optimizer = \"", recipe.optimizer, '"'),
         "an optimizer with momentum or beta1", "leave it out, or choose another optimizer");
  options.decay = no_decay();
  options.gradient = {.clip = make_clip(recipe), .accumulate = static_cast<int>(recipe.accumulate)};
  if (recipe.plateau)
    options.plateau =
        PlateauOptions{.factor = recipe.plateau_factor, .patience = static_cast<int>(recipe.plateau_patience)};
  return options;
}

template <class O, class Options>
Made make(const Inputs& inputs) {
  Options options = common_options<Options>(inputs);
  Settings settings(inputs.recipe, groups_of_adam(inputs.recipe, inputs.groups));
  take(settings, options);
  return std::make_unique<O>(inputs.groups, options);
}

template <class Options>
std::vector<std::string> keys() {
  const Recipe recipe;
  Settings settings(recipe);
  Options options;
  take(settings, options);
  return settings.taken;
}

struct Entry {
  const char* name;
  std::vector<std::string> (*keys)();
  Made (*make)(const Inputs& inputs);
};

template <class O, class Options>
constexpr Entry entry(const char* name) {
  return {name, keys<Options>, make<O, Options>};
}

// An optimizer is a line here.
constexpr Entry entries[] = {
    entry<Sgd, SgdOptions>("sgd"),
    entry<Adam, AdamOptions>("adam"),
    entry<AdamW, AdamOptions>("adamw"),
    entry<NAdam, NAdamOptions>("nadam"),
    entry<RAdam, RAdamOptions>("radam"),
    entry<Lamb, LambOptions>("lamb"),
    entry<Lion, LionOptions>("lion"),
    entry<Lars, LarsOptions>("lars"),
    entry<RmsProp, RmsPropOptions>("rmsprop"),
    entry<Adagrad, AdagradOptions>("adagrad"),
    entry<Adadelta, AdadeltaOptions>("adadelta"),
    entry<Muon, MuonOptions>("muon"),
};

Made make(const OwnOptimizer& own, const Inputs& inputs) {
  Made optimizer = own.make(inputs.groups, common_options<CommonOptions>(inputs), inputs.recipe);
  if (!optimizer)
    fail("optimizer", text("none from ", in_quotes(own.name)), "one", "return it from OwnOptimizer::make");
  return optimizer;
}

}  // namespace

std::vector<Choice> optimizer_choices(const Extensions* own) {
  std::vector<Choice> choices;
  for (const Entry& entry : entries) choices.push_back({entry.name, entry.keys()});
  if (own != nullptr)
    for (const OwnOptimizer& optimizer : own->optimizers) choices.push_back({optimizer.name, optimizer.keys});
  return choices;
}

std::vector<std::string> clip_names() {
  std::vector<std::string> names;
  for (const Clipping& clipping : clippings) names.emplace_back(clipping.name);
  return names;
}

std::unique_ptr<Optimizer> make_optimizer(const Recipe& recipe, Layer& model, std::int64_t batches,
                                          const Recorded& record) {
  require_no_idle_keys(recipe);
  const StepCounts steps = step_counts(recipe, batches);
  const Inputs inputs{.recipe = recipe, .steps = steps, .groups = make_groups(recipe, model, steps, record)};
  for (const Entry& entry : entries)
    if (recipe.optimizer == entry.name) return entry.make(inputs);
  if (recipe.extensions)
    for (const OwnOptimizer& own : recipe.extensions->optimizers)
      if (recipe.optimizer == own.name) return make(own, inputs);
  fail("optimizer", in_quotes(recipe.optimizer), "an optimizer",
       suggestion(recipe.optimizer, optimizer_names(recipe.extensions.get())));
}

}  // namespace ebb
