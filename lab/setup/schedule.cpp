// Learning-rate schedules and kinds of decay by name.
#include <algorithm>
#include <cmath>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "framework/tensor/suggest.h"
#include "lab/recipe/names.h"
#include "lab/setup/build.h"

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

// A schedule is a line here; step 0 stands behind the warm-up.
struct Course {
  const char* name;
  bool warms_up;  // whether it begins with a rise of its own
  Schedule (*make)(const Span& s);
};

constexpr Course courses[] = {
    {"constant", false, [](const Span&) { return constant(); }},
    {"cosine", false, [](const Span& s) { return cosine(s.total, s.recipe.schedule_end); }},
    {"linear", false, [](const Span& s) { return polynomial(s.total, 1, s.recipe.schedule_end); }},
    {"polynomial", false, [](const Span& s) { return polynomial(s.total, s.recipe.power, s.recipe.schedule_end); }},
    {"step", false,
     [](const Span& s) { return step_decay(std::max<Steps>(1, s.epochs(s.recipe.step_epochs)), s.recipe.factor); }},
    {"multi_step", false, make_multi_step},
    {"exponential", false, [](const Span& s) { return exponential(std::pow(s.recipe.factor, 1 / s.per_epoch)); }},
    {"cosine_restarts", false,
     [](const Span& s) {
       return cosine_restarts(std::max<Steps>(1, s.epochs(s.recipe.period_epochs)), s.recipe.period_growth,
                              s.recipe.schedule_end);
     }},
    {"one_cycle", true,
     [](const Span& s) {
       return one_cycle(s.total,
                        {.rising = s.recipe.rising, .start = s.recipe.schedule_start, .end = s.recipe.schedule_end});
     }},
    {"triangular", true, [](const Span& s) { return rising_and_falling(s, 1 - s.recipe.rising); }},
    {"trapezoid", true, [](const Span& s) { return rising_and_falling(s, s.recipe.falling); }},
};

// A kind of decay is a line here; those with two strengths take the second from the key l1.
struct Kind {
  const char* name;
  bool two;
  Decay (*make)(const Lambda& lambda, const Lambda& l1);
};

constexpr Kind kinds[] = {
    {"none", false, [](const Lambda&, const Lambda&) { return no_decay(); }},
    {"coupled_l2", false, [](const Lambda& l, const Lambda&) { return coupled_l2(l); }},
    {"decoupled_lr", false, [](const Lambda& l, const Lambda&) { return decoupled_lr(l); }},
    {"decoupled_schedule", false, [](const Lambda& l, const Lambda&) { return decoupled_schedule(l); }},
    {"decoupled_constant", false, [](const Lambda& l, const Lambda&) { return decoupled_constant(l); }},
    {"corrected", false, [](const Lambda& l, const Lambda&) { return corrected(l); }},
    {"stable", false, [](const Lambda& l, const Lambda&) { return stable(l); }},
    {"cautious", false, [](const Lambda& l, const Lambda&) { return cautious(l); }},
    {"update_l2", false, [](const Lambda& l, const Lambda&) { return update_l2(l); }},
    {"proximal_l2", false, [](const Lambda& l, const Lambda&) { return proximal_l2(l); }},
    {"coupled_l1", false, [](const Lambda& l, const Lambda&) { return coupled_l1(l); }},
    {"proximal_l1", false, [](const Lambda& l, const Lambda&) { return proximal_l1(l); }},
    {"coupled_elastic_net", true, [](const Lambda& l, const Lambda& l1) { return coupled_elastic_net(l1, l); }},
    {"elastic_net", true, [](const Lambda& l, const Lambda& l1) { return elastic_net(l1, l); }},
};

Schedule lambda_schedule(const Recipe& recipe, const StepCounts& steps) {
  if (recipe.lambda_schedule == "cosine") return cosine(steps.total);
  if (recipe.lambda_schedule == "linear") return polynomial(steps.total);
  return make_schedule(recipe, steps);
}

}  // namespace

std::vector<std::string> schedule_names() {
  std::vector<std::string> names;
  for (const Course& course : courses) names.emplace_back(course.name);
  return names;
}

std::vector<std::string> decay_names() {
  std::vector<std::string> names;
  for (const Kind& kind : kinds) names.emplace_back(kind.name);
  return names;
}

StepCounts step_counts(const Recipe& recipe, std::int64_t batches) {
  // The last update takes what is left.
  const std::int64_t total = (recipe.epochs * batches + recipe.accumulate - 1) / recipe.accumulate;
  return {.per_epoch = static_cast<double>(std::max<std::int64_t>(1, batches)) / static_cast<double>(recipe.accumulate),
          .total = std::max<std::int64_t>(1, total)};
}

Schedule make_schedule(const Recipe& recipe, const StepCounts& steps) {
  const auto rise = static_cast<Steps>(std::llround(recipe.warmup_epochs * steps.per_epoch));
  const Span span{recipe, rise, std::max<Steps>(1, steps.total - rise), steps.per_epoch};
  for (const Course& course : courses) {
    if (recipe.schedule != course.name) continue;
    if (course.warms_up && rise > 0)
      fail("warmup_epochs", text(recipe.warmup_epochs, " for the schedule ", course.name), "0",
           "its rise is set by the key rising");
    const Schedule then = course.make(span);
    return rise > 0 ? warmup(rise, then, recipe.warmup_start) : then;
  }
  fail("schedule", in_quotes(recipe.schedule), "a schedule", suggestion(recipe.schedule, schedule_names()));
}

Decay make_decay(const Recipe& recipe, const StepCounts& steps, const std::string& name, double lambda, double l1) {
  for (const Kind& kind : kinds) {
    if (name != kind.name) continue;
    if (l1 > 0 && !kind.two)
      fail("l1", text(l1, " for the decay ", name), "an elastic net, or l1 = 0", "the key lambda is its strength");
    const auto strength = [&](double value) {
      return recipe.lambda_schedule == "constant" ? Lambda(value) : value * lambda_schedule(recipe, steps);
    };
    Decay decay = kind.make(strength(lambda), strength(l1));
    if (!decay.rule) return decay;
    const auto step_of = [&](double epoch) { return static_cast<Steps>(std::llround(epoch * steps.per_epoch)); };
    if (recipe.decay_from_epoch > 0) decay = decay.from(step_of(recipe.decay_from_epoch));
    if (recipe.decay_until_epoch > 0) decay = decay.until(step_of(recipe.decay_until_epoch));
    return recipe.toward_start ? toward_start(decay) : decay;
  }
  fail("decay", in_quotes(name), "a kind of decay", suggestion(name, decay_names()));
}

}  // namespace ebb
