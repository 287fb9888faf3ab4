// Claims whose interval is compared with a band: within(), above() and slope().
#include <algorithm>
#include <cmath>

#include "framework/tensor/error.h"
#include "lab/format/numbers.h"
#include "lab/study/claim.h"
#include "lab/study/number_text.h"

namespace ebb {
namespace {

struct Band {
  double middle;
  double low;
  double high;
};

// A quantity with its interval, which has a way to be made for each level of confidence.
struct Measurement {
  std::string where;  // the arm
  Interval usual;     // 95 %
  Interval wide;      // 95 % for all arms together
  std::int64_t n;
};

bool inside(const Interval& interval, const Band& band) {
  return interval.low >= band.low && interval.high <= band.high;
}
bool outside(const Interval& interval, const Band& band) {
  return interval.high < band.low || interval.low > band.high;
}

// How far the interval reaches from the middle of the band; where that has none, how low.
double reach(const Interval& interval, const Band& band) {
  const double far = std::isnan(band.middle)
                         ? -interval.low
                         : std::max(std::abs(interval.low - band.middle), std::abs(interval.high - band.middle));
  return std::isnan(far) ? INFINITY : far;
}

// Confirmed when every measurement is; refuted when one is, at a level that all of them share.
Verdict on_worst(const std::vector<Measurement>& all, const Band& band) {
  Verdict verdict{.is = Verdict::Is::confirmed, .predicted = band.middle};
  const Measurement* shown = &all.front();
  int seen = 0;
  for (const Measurement& one : all) {
    const int severity = outside(one.wide, band) ? 2 : inside(one.usual, band) ? 0 : 1;
    if (severity > seen || (severity == seen && reach(one.usual, band) > reach(shown->usual, band))) shown = &one;
    seen = std::max(seen, severity);
  }
  if (seen > 0) verdict.is = seen == 2 ? Verdict::Is::refuted : Verdict::Is::undecided;
  verdict.measured = shown->usual;
  verdict.n = shown->n;
  if (all.size() > 1) verdict.sentence = text("the worst of ", all.size(), " arms: ", shown->where);
  if (!std::isfinite(shown->usual.estimate))
    verdict.sentence += verdict.sentence.empty() ? "not finite" : ", not finite";
  return verdict;
}

Interval interval_at(std::span<const double> values, double level) {
  const double mean = mean_or_nan(values);
  if (values.size() < 2 || !std::isfinite(mean)) return {mean, mean, mean};
  return mean_interval(values, level);
}

// Measured / predicted of a pair, for each step.
std::vector<double> ratios(const Results& results, const std::string& measured, const Quantity& predicted,
                           const Arm& arm, std::uint64_t pair) {
  const auto seen = results.series(measured, arm, pair);
  std::vector<double> out;
  if (predicted.measure.empty()) {
    for (const auto& [step, value] : seen) out.push_back(value / predicted.number);
    return out;
  }
  const auto wanted = results.series(predicted.measure, arm, pair);
  const bool single = wanted.size() == 1 && wanted[0].first < 0;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const std::size_t j = single ? 0 : i;
    if (j >= wanted.size() || (!single && wanted[j].first != seen[i].first))
      fail(predicted.measure, text("other steps than ", measured),
           "a prediction for each of its steps, or one for all");
    out.push_back(seen[i].second / wanted[j].second);
  }
  return out;
}

Verdict judged_within(const std::string& measured, const Quantity& predicted, double relative, const Arm& where,
                      std::int64_t block, const Results& results) {
  std::vector<Arm> arms;
  for (const Arm& arm : results.arms(where))
    if (results.has(measured, arm)) arms.push_back(arm);
  if (arms.empty()) fail("results", text(measured, " of ", arm_text(where)), "a measure that some trial makes");
  const double shared = 1 - 0.05 / static_cast<double>(arms.size());
  std::vector<Measurement> all;
  for (const Arm& arm : arms) {
    std::vector<double> means, series;
    for (const std::uint64_t pair : results.pairs()) {
      series = ratios(results, measured, predicted, arm, pair);
      if (!series.empty()) means.push_back(mean_or_nan(series));
    }
    Measurement one{arm_text(arm), interval_at(means, 0.95), interval_at(means, shared),
                    static_cast<std::int64_t>(means.size())};
    // Of a single pair the steps speak.
    if (means.size() == 1 && std::isfinite(means[0]) &&
        static_cast<std::int64_t>(series.size()) > std::max<std::int64_t>(1, block)) {
      one.usual = block_bootstrap(series, block, Rng(1), 10000, 0.95);
      one.wide = arms.size() == 1 ? one.usual : block_bootstrap(series, block, Rng(1), 10000, shared);
      one.n = static_cast<std::int64_t>(series.size());
    }
    all.push_back(one);
  }
  return on_worst(all, {1, 1 - relative, 1 + relative});
}

Verdict judged_above(const std::string& measure, double floor, const Arm& where, const Results& results) {
  if (!results.has(measure, where)) results.values(measure, where);  // says what there is
  std::vector<Arm> arms;
  for (const Arm& arm : results.arms(where))
    if (results.has(measure, arm)) arms.push_back(arm);
  std::vector<Measurement> all;
  for (const Arm& arm : arms) {
    const std::vector<double> values = results.values(measure, arm);
    all.push_back({arm_text(arm), interval_at(values, 0.95),
                   interval_at(values, 1 - 0.05 / static_cast<double>(arms.size())),
                   static_cast<std::int64_t>(values.size())});
  }
  // What is exactly the floor in every pair, a difference of things that are the same, does not lie above it.
  return on_worst(all, {NAN, std::nextafter(floor, INFINITY), INFINITY});
}

bool is_factor(const Results& results, const std::string& name) {
  return std::ranges::any_of(results.factors(), [&](const Factor& factor) { return factor.name == name; });
}

// log x and log y of a pair over arms.
std::pair<std::vector<double>, std::vector<double>> points(const Results& results, const std::string& y,
                                                           const std::string& x, const Arm& where, std::uint64_t pair) {
  std::pair<std::vector<double>, std::vector<double>> out;
  for (const Arm& arm : results.arms(where)) {
    if (!results.has(y, arm)) continue;
    const auto seen = results.series(y, arm, pair);
    if (seen.empty()) continue;
    double at = NAN;
    if (is_factor(results, x)) at = number_in(arm.at(x)).value_or(NAN);
    else if (const auto places = results.series(x, arm, pair); !places.empty()) at = places.front().second;
    out.first.push_back(std::log(at));
    out.second.push_back(std::log(seen.front().second));
  }
  return out;
}

Verdict judged_slope(const std::string& y, const std::string& x, double predicted, double tolerance, const Arm& where,
                     const Results& results) {
  if (!results.has(y, where)) results.values(y, where);  // says what there is
  std::vector<double> slopes;
  LineFit last;
  std::size_t count = 0;
  for (const std::uint64_t pair : results.pairs()) {
    const auto [at, seen] = points(results, y, x, where, pair);
    if (at.empty()) continue;
    if (!std::isfinite(mean_or_nan(at)) || !std::isfinite(mean_or_nan(seen)))
      return {.predicted = predicted, .sentence = text("a value that has no logarithm, pair ", pair)};
    last = line(at, seen);
    count = at.size();
    slopes.push_back(last.slope);
  }
  Measurement one{{}, interval_at(slopes, 0.95), {}, static_cast<std::int64_t>(slopes.size())};
  // Of a single pair the scatter about its line speaks.
  if (slopes.size() == 1 && count > 2)
    one.usual = slope_interval(last, count), one.n = static_cast<std::int64_t>(count);
  one.wide = one.usual;
  return on_worst({one}, {predicted, predicted - tolerance, predicted + tolerance});
}

}  // namespace

Claim within(ClaimText claim, const std::string& measured, Quantity predicted, double relative, Arm where,
             std::int64_t block) {
  if (!(relative > 0)) fail(text("claim ", claim.id), text("a tolerance of ", relative), "a positive number");
  if (predicted.measure.empty() && !(std::abs(predicted.number) > 0))
    fail(text("claim ", claim.id), text("a prediction of ", predicted.number), "one that is not 0", "use identity()");
  if (block < 1) fail(text("claim ", claim.id), text("blocks of ", block), "at least 1");
  const std::string of = predicted.measure.empty() ? significant(predicted.number) : predicted.measure;
  return {.text = std::move(claim),
          .kind = Claim::Kind::equilibrium,
          .prediction = text(measured, " / ", of, ": 1 within ", percent(relative, relative < 0.001 ? 4 : 1)),
          .refutation = text("an interval of ", measured, " / ", of, " that lies beyond ",
                             percent(relative, relative < 0.001 ? 4 : 1), " of 1 in any arm"),
          .judge = [=](const Results& results) {
            return judged_within(measured, predicted, relative, where, block, results);
          }};
}

Claim above(ClaimText claim, const std::string& measure, double floor, Arm where) {
  if (!std::isfinite(floor)) fail(text("claim ", claim.id), text("a floor of ", floor), "a number");
  const std::string band = text(measure, ": above ", significant(floor));
  return {.text = std::move(claim),
          .kind = Claim::Kind::equilibrium,
          .prediction = band,
          .refutation = text("an interval of ", measure, " that lies below ", significant(floor), " in any arm"),
          .judge = [=](const Results& results) { return judged_above(measure, floor, where, results); }};
}

Claim slope(ClaimText claim, const std::string& y, const std::string& x, double predicted, double tolerance,
            Arm where) {
  if (!(tolerance > 0)) fail(text("claim ", claim.id), text("a tolerance of ", tolerance), "a positive number");
  const std::string band = text(significant(predicted), " within ", significant(tolerance));
  return {.text = std::move(claim),
          .kind = Claim::Kind::equilibrium,
          .prediction = text("slope of log ", y, " on log ", x, ": ", band),
          .refutation = text("an interval of the slope that lies outside ", band),
          .judge = [=](const Results& results) { return judged_slope(y, x, predicted, tolerance, where, results); }};
}

}  // namespace ebb
