// Learning-rate schedules and kinds of decay by name.
#include <algorithm>
#include <cmath>

#include "framework/compute/blocks.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "framework/tensor/suggest.h"
#include "lab/recipe/names.h"
#include "lab/setup/build.h"
#include "lab/setup/extensions.h"

namespace ebb {
namespace {

using Steps = std::int64_t;

// What a schedule is made of: the steps from the end of the warm-up on, and those of an epoch.
struct Span {
  const Recipe& recipe;
  Steps warmup;
  Steps total;
  double per_epoch;

  Steps epochs(double count) const { return static_cast<Steps>(std::llround(count * per_epoch)); }
  Steps share(double part) const { return static_cast<Steps>(std::llround(part * static_cast<double>(total))); }
};

Schedule make_multi_step(const Span& s) {
  std::vector<Steps> steps;
  for (const double epoch : s.recipe.milestones) steps.push_back(s.epochs(epoch) - s.warmup);
  if (steps.empty() || steps.front() < 0)
    fail("milestones", text('"', get(s.recipe, "milestones"), '"'), "epochs behind the warm-up, ascending",
         "for example milestones = [30, 60, 80]");
  return multi_step(steps, s.recipe.factor);
}

// Both shares are rounded to whole steps; where that is one step too many for the run, the fall is shorter.
Schedule rising_and_falling(const Span& s, double falling) {
  constexpr double rounding = 1e-9;  // 0.7 + 0.1 + 0.2 in binary
  if (s.recipe.rising + falling > 1 + rounding)
    fail(s.recipe.schedule, text("rising = ", s.recipe.rising, " and falling = ", falling), "a sum of at most 1");
  const Steps rise = s.share(s.recipe.rising), fall = std::min(s.share(falling), s.total - rise);
  return trapezoid(rise, s.total - rise - fall, fall, s.recipe.schedule_end);
}

// A schedule is a line here: step 0 stands behind the warm-up, and the keys are those that it reads.
struct Course {
  const char* name;
  bool rises;  // whether it begins with a rise of its own, and takes no warm-up
  std::vector<std::string> keys;
  Schedule (*make)(const Span& s);
};

const std::vector<Course>& courses() {
  static const std::vector<Course> all{
      {"constant", false, {}, [](const Span&) { return constant(); }},
      {"cosine", false, {"schedule_end"}, [](const Span& s) { return cosine(s.total, s.recipe.schedule_end); }},
      {"linear", false, {"schedule_end"}, [](const Span& s) { return polynomial(s.total, 1, s.recipe.schedule_end); }},
      {"polynomial",
       false,
       {"power", "schedule_end"},
       [](const Span& s) { return polynomial(s.total, s.recipe.power, s.recipe.schedule_end); }},
      {"step",
       false,
       {"step_epochs", "factor"},
       [](const Span& s) { return step_decay(std::max<Steps>(1, s.epochs(s.recipe.step_epochs)), s.recipe.factor); }},
      {"multi_step", false, {"milestones", "factor"}, make_multi_step},
      {"exponential",
       false,
       {"factor"},
       [](const Span& s) { return exponential(std::pow(s.recipe.factor, 1 / s.per_epoch)); }},
      {"cosine_restarts",
       false,
       {"period_epochs", "period_growth", "schedule_end"},
       [](const Span& s) {
         return cosine_restarts(std::max<Steps>(1, s.epochs(s.recipe.period_epochs)), s.recipe.period_growth,
                                s.recipe.schedule_end);
       }},
      {"one_cycle",
       true,
       {"rising", "schedule_start", "schedule_end", "momentum_low"},
       [](const Span& s) {
         return one_cycle(s.total,
                          {.rising = s.recipe.rising, .start = s.recipe.schedule_start, .end = s.recipe.schedule_end});
       }},
      {"triangular",
       true,
       {"rising", "schedule_end"},
       [](const Span& s) { return rising_and_falling(s, 1 - s.recipe.rising); }},
      {"trapezoid",
       true,
       {"rising", "falling", "schedule_end"},
       [](const Span& s) { return rising_and_falling(s, s.recipe.falling); }},
  };
  return all;
}

// A course of lambda over the run is a line here.
struct LambdaCourse {
  const char* name;
  Lambda (*make)(const Recipe& recipe, const StepCounts& steps, double value);
};

constexpr LambdaCourse lambda_courses[] = {
    {"constant", [](const Recipe&, const StepCounts&, double value) { return Lambda(value); }},
    {"cosine", [](const Recipe&, const StepCounts& steps, double value) { return value * cosine(steps.total); }},
    {"linear", [](const Recipe&, const StepCounts& steps, double value) { return value * polynomial(steps.total); }},
    {"same", [](const Recipe& r, const StepCounts& steps, double value) { return value * make_schedule(r, steps); }},
};

Lambda strength(const Recipe& recipe, const StepCounts& steps, double value) {
  for (const LambdaCourse& course : lambda_courses)
    if (recipe.lambda_schedule == course.name) return course.make(recipe, steps, value);
  fail("lambda_schedule", in_quotes(recipe.lambda_schedule), "a course of lambda",
       suggestion(recipe.lambda_schedule, lambda_schedules()));
}

// The kind of that name; its rule is empty for "none".
Decay kind_of(const Recipe& recipe, const StepCounts& steps) {
  if (recipe.decay == "none") return no_decay();
  for (const DecayKind& kind : decay_kinds())
    if (recipe.decay == kind.name)
      return kind.make(strength(recipe, steps, recipe.lambda), strength(recipe, steps, recipe.l1));
  if (recipe.extensions)
    for (const OwnDecay& own : recipe.extensions->decays)
      if (recipe.decay == own.name) return own.make(strength(recipe, steps, recipe.lambda), recipe);
  fail("decay", in_quotes(recipe.decay), "a kind of decay",
       suggestion(recipe.decay, decay_names(recipe.extensions.get())));
}

}  // namespace

std::vector<Choice> schedule_choices(const Extensions* own) {
  std::vector<Choice> choices;
  const auto add = [&](const std::string& name, const std::vector<std::string>& keys, bool rises) {
    choices.push_back({name, keys});
    if (!rises) choices.back().keys.insert(choices.back().keys.end(), {"warmup_epochs", "warmup_start"});
  };
  for (const Course& course : courses()) add(course.name, course.keys, course.rises);
  if (own != nullptr)
    for (const OwnSchedule& schedule : own->schedules) add(schedule.name, schedule.keys, false);
  return choices;
}

std::vector<Choice> decay_choices(const Extensions* own) {
  std::vector<Choice> choices{{"none"}};
  const auto add = [&](const std::string& name, const std::vector<std::string>& keys) {
    choices.push_back({name, {"lambda", "lambda_schedule", "decay_from_epoch", "decay_until_epoch", "toward_start"}});
    choices.back().keys.insert(choices.back().keys.end(), keys.begin(), keys.end());
  };
  for (const DecayKind& kind : decay_kinds())
    add(kind.name, kind.two ? std::vector<std::string>{"l1"} : std::vector<std::string>{});
  if (own != nullptr)
    for (const OwnDecay& decay : own->decays) add(decay.name, decay.keys);
  return choices;
}

std::vector<std::string> lambda_schedules() {
  std::vector<std::string> names;
  for (const LambdaCourse& course : lambda_courses) names.emplace_back(course.name);
  return names;
}

StepCounts step_counts(const Recipe& recipe, std::int64_t batches) {
  // The last update takes what is left.
  const std::int64_t total = ceil_div(recipe.epochs * batches, recipe.accumulate);
  return {.per_epoch = static_cast<double>(std::max<std::int64_t>(1, batches)) / static_cast<double>(recipe.accumulate),
          .total = std::max<std::int64_t>(1, total)};
}

Schedule make_schedule(const Recipe& recipe, const StepCounts& steps) {
  const auto rise = static_cast<Steps>(std::llround(recipe.warmup_epochs * steps.per_epoch));
  const Span span{recipe, rise, std::max<Steps>(1, steps.total - rise), steps.per_epoch};
  const auto behind_warmup = [&](const Schedule& then) {
    return rise > 0 ? warmup(rise, then, recipe.warmup_start) : then;
  };
  for (const Course& course : courses()) {
    if (recipe.schedule != course.name) continue;
    if (course.rises && rise > 0)
      fail("warmup_epochs", text("warmup_epochs = ", recipe.warmup_epochs, " beside schedule = \"", course.name, '"'),
           "warmup_epochs = 0", "its rise is set by the key rising");
    return behind_warmup(course.make(span));
  }
  if (recipe.extensions)
    for (const OwnSchedule& own : recipe.extensions->schedules)
      if (recipe.schedule == own.name)
        return behind_warmup(own.make({.per_epoch = span.per_epoch, .total = span.total}, recipe));
  fail("schedule", in_quotes(recipe.schedule), "a schedule",
       suggestion(recipe.schedule, schedule_names(recipe.extensions.get())));
}

Schedule make_momentum_schedule(const Recipe& recipe, const StepCounts& steps) {
  if (recipe.momentum_low == 1) return constant();
  if (recipe.schedule != "one_cycle")  // that of a group alone
    fail("momentum_low", text("momentum_low = ", recipe.momentum_low, " beside schedule = \"", recipe.schedule, '"'),
         "schedule = \"one_cycle\" of the recipe itself", "the momentum has one course for all groups");
  return one_cycle_momentum(steps.total, {.rising = recipe.rising, .low = recipe.momentum_low});
}

Decay make_decay(const Recipe& recipe, const StepCounts& steps) {
  Decay decay = kind_of(recipe, steps);
  if (!decay.rule) return decay;
  const auto step_of = [&](double epoch) { return static_cast<Steps>(std::llround(epoch * steps.per_epoch)); };
  if (recipe.decay_from_epoch > 0) decay = decay.from(step_of(recipe.decay_from_epoch));
  if (recipe.decay_until_epoch > 0) decay = decay.until(step_of(recipe.decay_until_epoch));
  return recipe.toward_start ? toward_start(decay) : decay;
}

}  // namespace ebb
