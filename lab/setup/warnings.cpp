#include "lab/setup/warnings.h"

#include <algorithm>
#include <cmath>

#include "framework/tensor/error.h"
#include "lab/format/numbers.h"
#include "lab/setup/build.h"
#include "optim/decay_course.h"

namespace ebb {
namespace {

// A moment of the run, in epochs from its beginning.
struct Moment {
  std::string key;
  double epoch;
  const char* never;  // what happens when it does not come
};

std::vector<Moment> moments_of(const Recipe& r) {
  std::vector<Moment> moments;
  const auto add = [&](bool set, std::string key, double epoch, const char* never) {
    if (set) moments.push_back({std::move(key), epoch, never});
  };
  const double begun = r.warmup_epochs;
  add(r.warmup_epochs > 0, "warmup_epochs", r.warmup_epochs, "the learning rate never reaches its peak");
  add(r.schedule == "step", "step_epochs", begun + r.step_epochs, "the learning rate makes no step");
  for (const double epoch : r.milestones)
    add(r.schedule == "multi_step", "milestones", epoch, "the step at this milestone never comes");
  add(r.schedule == "cosine_restarts", "period_epochs", begun + r.period_epochs, "the schedule never restarts");
  add(r.decay_from_epoch > 0, "decay_from_epoch", r.decay_from_epoch, "nothing decays");
  add(r.decay_until_epoch > static_cast<double>(r.epochs), "decay_until_epoch", r.decay_until_epoch,
      "decay goes on to the end");
  return moments;
}

// Those of the recipe, and of its groups that have their own.
std::vector<Moment> all_moments(const Recipe& recipe) {
  std::vector<Moment> moments = moments_of(recipe);
  for (const GroupRecipe& group : recipe.groups) {
    const std::string who = text("group \"", group.name, "\": ");
    for (Moment& moment : moments_of(recipe_of_group(recipe, group))) {
      const bool own = group.own.count(moment.key) > 0;
      if (own) moments.push_back({who + moment.key, moment.epoch, moment.never});
    }
    if (group.until_epoch > static_cast<double>(recipe.epochs))
      moments.push_back({who + "until_epoch", group.until_epoch, "it learns to the end"});
  }
  return moments;
}

// Evaluations without improvement that are borne, in a run of so many of them.
void warn_of_patience(const char* key, std::int64_t patience, const Recipe& recipe, const char* never,
                      std::vector<std::string>& out) {
  const std::int64_t evaluations = (recipe.epochs + recipe.evaluate_every - 1) / recipe.evaluate_every;
  if (patience >= evaluations)
    out.push_back(text(key, " = ", patience, " in a run of ", evaluations,
                       evaluations == 1 ? " evaluation: " : " evaluations: ", never));
}

void warn_of_ema(const Recipe& recipe, std::int64_t updates, std::vector<std::string>& out) {
  const double window = 1 / (1 - recipe.ema), run = static_cast<double>(updates);
  if (!(window > run)) return;
  const std::string end =
      recipe.ema_warm_up
          ? text("at the end it spans the last ", grouped(std::llround(std::min(window, (10 + run) / 9))))
          : text("at the end ", decimal(100 * std::pow(recipe.ema, run), 1), " % of it are the starting values");
  out.push_back(text("ema = ", recipe.ema, " averages over ", grouped(std::llround(std::min(window, 9e15))),
                     " updates and the run has ", grouped(updates), ": ", end));
}

}  // namespace

std::vector<std::string> run_warnings(const Recipe& recipe, const Optimizer& optimizer, std::int64_t batches) {
  if (recipe.epochs == 0) return {};
  const std::int64_t updates = step_counts(recipe, batches).total;
  std::vector<std::string> out = decay_warnings(optimizer, updates);
  for (const Moment& moment : all_moments(recipe))
    if (moment.epoch >= static_cast<double>(recipe.epochs))
      out.push_back(text(moment.key, ": epoch ", moment.epoch, " is not within the ", recipe.epochs,
                         " of the run: ", moment.never));
  warn_of_ema(recipe, updates, out);
  if (recipe.swa_from >= recipe.epochs)
    out.push_back(text("swa_from = ", recipe.swa_from, " in a run of ", recipe.epochs,
                       recipe.swa_from == recipe.epochs ? " epochs: a mean of one" : " epochs: nothing is averaged"));
  if (recipe.lookahead > updates)
    out.push_back(text("lookahead = ", recipe.lookahead, " in a run of ", updates, " updates: it never synchronises"));
  if (recipe.patience > 0) warn_of_patience("patience", recipe.patience, recipe, "it never ends the run", out);
  if (recipe.plateau)
    warn_of_patience("plateau_patience", recipe.plateau_patience, recipe, "the learning rate is never reduced", out);
  if (recipe.evaluate_every > recipe.epochs)
    out.push_back(text("evaluate_every = ", recipe.evaluate_every, " in a run of ", recipe.epochs,
                       " epochs: one evaluation, at the end"));
  return out;
}

}  // namespace ebb
