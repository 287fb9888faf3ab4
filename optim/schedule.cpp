#include "optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>
#include <ostream>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

void require(const char* schedule, bool fine, const char* name, double got, const char* wanted) {
  if (!fine || !std::isfinite(got)) fail(schedule, text(name, " = ", got), wanted);
}

void require_steps(const char* schedule, const char* name, std::int64_t steps) {
  require(schedule, steps >= 1, name, static_cast<double>(steps), "at least 1 step");
}

// From `a` at share 0 to `b` at share 1 along half a cosine.
double cosine_between(double a, double b, double share) {
  return b + (a - b) * 0.5 * (1 + std::cos(std::numbers::pi * share));
}

double share(std::int64_t step, std::int64_t total) { return static_cast<double>(step) / static_cast<double>(total); }

std::string join(const std::vector<std::int64_t>& numbers) {
  std::string out;
  for (const std::int64_t number : numbers) out += text(out.empty() ? "" : ", ", number);
  return out;
}

}  // namespace

Schedule::Schedule() : Schedule(constant()) {}

Schedule::Schedule(std::string text, std::function<double(std::int64_t)> multiplier)
    : text_(std::move(text)), multiplier_(std::move(multiplier)) {
  if (!multiplier_) fail("schedule", text_ + " without a function", "a function from step to multiplier");
}

std::vector<double> Schedule::series(std::int64_t steps) const {
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(std::max<std::int64_t>(0, steps)));
  for (std::int64_t step = 0; step < steps; ++step) values.push_back(multiplier_(step));
  return values;
}

std::ostream& operator<<(std::ostream& out, const Schedule& schedule) { return out << schedule.text(); }

Schedule operator*(const Schedule& a, const Schedule& b) {
  return {text(a.text(), " * ", b.text()), [a, b](std::int64_t step) { return a(step) * b(step); }};
}

Schedule constant() {
  return {"constant", [](std::int64_t) { return 1.0; }};
}

Schedule step_decay(std::int64_t every, double factor) {
  require_steps("step_decay", "every", every);
  require("step_decay", factor >= 0, "factor", factor, "a factor >= 0");
  return {text("step_decay(", every, ", ", factor, ")"),
          [=](std::int64_t step) { return std::pow(factor, static_cast<double>(step / every)); }};
}

Schedule multi_step(std::vector<std::int64_t> milestones, double factor) {
  require("multi_step", factor >= 0, "factor", factor, "a factor >= 0");
  if (!std::is_sorted(milestones.begin(), milestones.end()))
    fail("multi_step", text("milestones ", join(milestones)), "ascending steps");
  const std::string label = text("multi_step({", join(milestones), "}, ", factor, ")");
  return {label, [milestones = std::move(milestones), factor](std::int64_t step) {
            const auto reached = std::upper_bound(milestones.begin(), milestones.end(), step) - milestones.begin();
            return std::pow(factor, static_cast<double>(reached));
          }};
}

Schedule exponential(double factor) {
  require("exponential", factor >= 0, "factor", factor, "a factor >= 0");
  return {text("exponential(", factor, ")"),
          [=](std::int64_t step) { return std::pow(factor, static_cast<double>(step)); }};
}

Schedule polynomial(std::int64_t total, double power, double end) {
  require_steps("polynomial", "total", total);
  require("polynomial", power > 0, "power", power, "a power > 0");
  require("polynomial", end >= 0, "end", end, "a multiplier >= 0");
  return {text("polynomial(", total, ", ", power, ", ", end, ")"), [=](std::int64_t step) {
            return step >= total ? end : (1 - end) * std::pow(1 - share(step, total), power) + end;
          }};
}

Schedule cosine(std::int64_t total, double end) {
  require_steps("cosine", "total", total);
  require("cosine", end >= 0, "end", end, "a multiplier >= 0");
  return {end == 0 ? text("cosine(", total, ")") : text("cosine(", total, ", ", end, ")"),
          [=](std::int64_t step) { return step >= total ? end : cosine_between(1, end, share(step, total)); }};
}

Schedule cosine_restarts(std::int64_t period, double growth, double end) {
  require_steps("cosine_restarts", "period", period);
  require("cosine_restarts", growth >= 1, "growth", growth, "a factor >= 1");
  require("cosine_restarts", end >= 0, "end", end, "a multiplier >= 0");
  return {text("cosine_restarts(", period, ", ", growth, ", ", end, ")"), [=](std::int64_t step) {
            std::int64_t length = period;
            while (step >= length) {
              const auto next =
                  static_cast<std::int64_t>(std::min(1e15, std::round(static_cast<double>(length) * growth)));
              if (next <= length) {  // rounded to no growth: it stays as it is
                step %= length;
                break;
              }
              step -= length;
              length = next;
            }
            return cosine_between(1, end, share(step, length));
          }};
}

Schedule warmup(std::int64_t steps, Schedule then, double start) {
  require("warmup", steps >= 0, "steps", static_cast<double>(steps), "0 steps or more");
  require("warmup", start >= 0, "start", start, "a multiplier >= 0");
  const std::string label = start == 0 ? text("warmup(", steps, ", ", then.text(), ")")
                                       : text("warmup(", steps, ", ", then.text(), ", ", start, ")");
  return {label, [=, then = std::move(then)](std::int64_t step) {
            return step < steps ? start + (1 - start) * share(step, steps) : then(step - steps);
          }};
}

namespace {

// From `start` to `peak` and to `end`, each way along half a cosine: what a cycle of `total` steps multiplies by.
double cycle(std::int64_t step, std::int64_t total, double rising, double start, double peak, double end) {
  const double last = static_cast<double>(total - 1), at = static_cast<double>(step);
  const double turn = std::max(0.0, rising * static_cast<double>(total) - 1);
  if (at >= last) return end;
  if (at < turn) return cosine_between(start, peak, at / turn);
  return cosine_between(peak, end, (at - turn) / (last - turn));
}

}  // namespace

Schedule one_cycle(std::int64_t total, OneCycleOptions options) {
  require_steps("one_cycle", "total", total);
  require("one_cycle", options.rising >= 0 && options.rising <= 1, "rising", options.rising, "a share from 0 to 1");
  require("one_cycle", options.start >= 0, "start", options.start, "a multiplier >= 0");
  require("one_cycle", options.end >= 0, "end", options.end, "a multiplier >= 0");
  return {text("one_cycle(", total, ", ", options.rising, ", ", options.start, ", ", options.end, ")"),
          [=](std::int64_t step) { return cycle(step, total, options.rising, options.start, 1, options.end); }};
}

Schedule one_cycle_momentum(std::int64_t total, OneCycleMomentumOptions options) {
  constexpr const char* name = "one_cycle_momentum";
  require_steps(name, "total", total);
  require(name, options.rising >= 0 && options.rising <= 1, "rising", options.rising, "a share from 0 to 1");
  require(name, options.low >= 0 && options.low <= 1, "low", options.low, "a multiplier from 0 to 1");
  return {text(name, "(", total, ", ", options.rising, ", ", options.low, ")"),
          [=](std::int64_t step) { return cycle(step, total, options.rising, 1, options.low, 1); }};
}

Schedule trapezoid(std::int64_t rise, std::int64_t stable, std::int64_t fall, double end) {
  for (const std::int64_t steps : {rise, stable, fall})
    require("trapezoid", steps >= 0, "steps", static_cast<double>(steps), "0 steps or more");
  require("trapezoid", end >= 0, "end", end, "a multiplier >= 0");
  return {text("trapezoid(", rise, ", ", stable, ", ", fall, ", ", end, ")"), [=](std::int64_t step) {
            if (step < rise) return share(step, rise);
            if (step < rise + stable) return 1.0;
            const std::int64_t fallen = step - rise - stable;
            return fallen >= fall ? end : 1 + (end - 1) * share(fallen, fall);
          }};
}

Schedule chain(std::vector<std::pair<std::int64_t, Schedule>> parts) {
  if (parts.empty()) fail("chain", "no parts", "at least one pair of steps and schedule");
  std::string label = "chain(";
  for (std::size_t i = 0; i < parts.size(); ++i) {
    require_steps("chain", "steps of a part", parts[i].first);
    label += text(i == 0 ? "" : ", ", parts[i].first, ": ", parts[i].second.text());
  }
  return {label + ")", [parts = std::move(parts)](std::int64_t step) {
            std::size_t part = 0;
            for (; part + 1 < parts.size() && step >= parts[part].first; ++part) step -= parts[part].first;
            return parts[part].second(step);
          }};
}

void Plateau::observe(double metric) {
  if (std::isnan(metric)) fail("observe", "a metric of NaN", "a number", "look for the first non-finite loss");
  const double sign = options.maximize ? -1 : 1;
  const bool better = seen == 0 || sign * metric < sign * best - options.threshold * std::abs(best);
  ++seen;
  if (better) {
    best = metric;
    bad = 0;
  } else {
    ++bad;
  }
  if (cooling > 0) {
    --cooling;
    bad = 0;
  }
  if (bad > options.patience) {
    multiplier = std::max(options.smallest, multiplier * options.factor);
    cooling = options.cooldown;
    bad = 0;
  }
}

}  // namespace ebb
