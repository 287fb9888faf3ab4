#include "lab/study/claim.h"

#include <algorithm>
#include <cmath>

#include "framework/tensor/error.h"
#include "lab/format/numbers.h"
#include "lab/study/number_text.h"

namespace ebb {
namespace {

constexpr std::int64_t least_pairs = 6, least_for_equivalence = 16;
constexpr double significance = 0.05, missed_bounds = 1000, least_effect = 1e-6;

bool all_finite(std::span<const double> values) {
  return std::ranges::all_of(values, [](double v) { return std::isfinite(v); });
}

// The mean with its interval; of one value the value, of none or of what is not finite NaN.
Interval interval_of(std::span<const double> values, double level = 0.95) {
  const double mean = mean_or_nan(values);
  if (values.size() < 2 || !all_finite(values)) return {mean, mean, mean};
  return mean_interval(values, level);
}

Arm chosen_arm(const ArmChoice& choice, const Results& results) {
  Arm arm = choice.arm;
  if (!choice.factor.empty()) arm[choice.factor] = choose(results, choice.factor, choice.measure, choice.arm).level();
  return arm;
}

std::string choice_text(const ArmChoice& choice) {
  if (choice.factor.empty()) return arm_text(choice.arm);
  return text(choice.arm.empty() ? std::string() : arm_text(choice.arm) + "; ", choice.factor, " by validation");
}

// What choices came to, for the sentence.
std::string choices(const ArmChoice& a, const ArmChoice& b, const Results& results) {
  std::string out;
  for (const ArmChoice* const choice : {&a, &b}) {
    if (choice->factor.empty()) continue;
    const Chosen chosen = choose(results, choice->factor, choice->measure, choice->arm);
    out += text(out.empty() ? "" : ", ", choice->factor, '=', chosen.level(), " of ", chosen.tries(), " by validation");
  }
  return out;
}

Verdict too_small(Verdict verdict, std::int64_t needed) {
  verdict.is = Verdict::Is::reported;
  verdict.sentence += text(verdict.sentence.empty() ? "" : "; ", "an estimate: ", verdict.n, " pairs of at least ",
                           needed, " that can decide");
  return verdict;
}

// A verdict on differences before they are judged.
Verdict on_differences(std::span<const double> differences, std::string sentence) {
  Verdict verdict{.measured = interval_of(differences), .n = static_cast<std::int64_t>(differences.size())};
  verdict.sentence = std::move(sentence);
  if (!all_finite(differences)) verdict.sentence += verdict.sentence.empty() ? "not finite" : "; not finite";
  return verdict;
}

Verdict judged_greater(const std::string& measure, const ArmChoice& a, const ArmChoice& b, const Results& results) {
  const std::vector<double> d = results.differences(measure, chosen_arm(a, results), chosen_arm(b, results));
  Verdict verdict = on_differences(d, choices(a, b, results));
  if (d.empty() || !all_finite(d)) return verdict;
  verdict.p = sign_flip_p(d);
  verdict.is = verdict.measured.estimate > 0 ? Verdict::Is::confirmed : Verdict::Is::refuted;
  return verdict.n < least_pairs ? too_small(verdict, least_pairs) : verdict;
}

Verdict judged_equivalent(const std::string& measure, const ArmChoice& a, const ArmChoice& b, double margin,
                          const Results& results) {
  const std::vector<double> d = results.differences(measure, chosen_arm(a, results), chosen_arm(b, results));
  Verdict verdict = on_differences(d, choices(a, b, results));
  verdict.predicted = 0;
  if (d.size() < 2 || !all_finite(d)) return verdict;
  verdict.p = tost(d, margin).p;
  const bool outside = verdict.measured.low > margin || verdict.measured.high < -margin;
  verdict.is = outside ? Verdict::Is::refuted : Verdict::Is::confirmed;
  return verdict.n < least_for_equivalence ? too_small(verdict, least_for_equivalence) : verdict;
}

// The values of a measure at the levels of a factor, a row for each pair that has all.
std::vector<std::vector<double>> rows_of(const std::string& measure, const std::string& factor, const Arm& where,
                                         const Results& results) {
  std::vector<std::vector<double>> columns;
  for (const std::string& level : results.levels(factor)) {
    Arm arm = where;
    arm[factor] = level;
    columns.push_back(results.values(measure, arm));
    if (columns.back().size() != columns.front().size())
      fail(measure, text(columns.back().size(), " pairs at ", factor, '=', level),
           text(columns.front().size(), ", as at the first level"));
  }
  std::vector<std::vector<double>> rows(columns.front().size());
  for (std::size_t pair = 0; pair < rows.size(); ++pair)
    for (const std::vector<double>& column : columns) rows[pair].push_back(column[pair]);
  return rows;
}

Verdict judged_trend(const std::string& measure, const std::string& factor, int direction, const Arm& where,
                     const Results& results) {
  std::vector<std::vector<double>> rows = rows_of(measure, factor, where, results);
  std::vector<double> rises;
  for (const std::vector<double>& row : rows) rises.push_back(row.back() - row.front());
  Verdict verdict = on_differences(rises, "measured: last level less first");
  if (!std::ranges::all_of(rows, [](const auto& row) { return all_finite(row); })) return verdict;
  const double up = page_trend(rows).p;
  for (std::vector<double>& row : rows)
    for (double& value : row) value = -value;
  const double down = page_trend(rows).p;
  verdict.p = std::min(1.0, 2 * std::min(up, down));
  verdict.is = (up < down) == (direction > 0) ? Verdict::Is::confirmed : Verdict::Is::refuted;
  return verdict;
}

std::string side(int direction) { return direction > 0 ? "rises" : "falls"; }

}  // namespace

const char* name(Verdict::Is is) {
  switch (is) {
    case Verdict::Is::confirmed: return "confirmed";
    case Verdict::Is::refuted: return "refuted";
    case Verdict::Is::undecided: return "undecided";
    case Verdict::Is::reported: return "reported";
  }
  return "";
}

const char* name(Claim::Kind kind) {
  switch (kind) {
    case Claim::Kind::identity: return "identity";
    case Claim::Kind::equilibrium: return "equilibrium";
    case Claim::Kind::comparison: return "comparison";
    case Claim::Kind::equivalence: return "equivalence";
    case Claim::Kind::trend: return "trend";
    case Claim::Kind::estimate: return "estimate";
  }
  return "";
}

Claim identity(ClaimText claim, const std::string& measure, double bound, Quantity effect, Arm where) {
  if (!(bound >= 0)) fail(text("claim ", claim.id), text("a bound of ", bound), "0 or more");
  return {.text = std::move(claim),
          .kind = Claim::Kind::identity,
          .prediction = text("0 within ", significant(bound)),
          .refutation = text("a value of ", measure, " above ", significant(bound), " in any trial"),
          .judge = [=](const Results& results) {
            const std::vector<double> values = results.every(measure, where);
            double worst = 0;
            for (const double v : values)
              worst = std::isnan(v) || std::isnan(worst) ? NAN : std::max(worst, std::abs(v));
            Verdict verdict{.measured = {worst, worst, worst}, .predicted = 0};
            verdict.n = static_cast<std::int64_t>(values.size());
            double missed = std::abs(effect.number);
            if (!effect.measure.empty()) {
              missed = INFINITY;
              for (const double v : results.every(effect.measure, where)) missed = std::min(missed, std::abs(v));
            }
            verdict.sentence = text("were it wrong: ", significant(missed));
            const double least = bound > 0 ? missed_bounds * bound : least_effect;
            if (!(worst <= bound)) {
              verdict.is = Verdict::Is::refuted;
              verdict.sentence.clear();
            } else if (missed >= least) {
              verdict.is = Verdict::Is::confirmed;
            } else {
              verdict.sentence += text(", which is below ", significant(least), ": the test could not tell");
            }
            return verdict;
          }};
}

Claim greater(ClaimText claim, const std::string& measure, ArmChoice a, ArmChoice b) {
  return {.text = std::move(claim),
          .kind = Claim::Kind::comparison,
          .prediction = text(measure, ": ", choice_text(a), " above ", choice_text(b)),
          .refutation = text("a difference below 0 with p < 0.05"),
          .judge = [=](const Results& results) { return judged_greater(measure, a, b, results); }};
}

Claim equivalent(ClaimText claim, const std::string& measure, ArmChoice a, ArmChoice b, double margin) {
  if (!(margin > 0)) fail(text("claim ", claim.id), text("a margin of ", margin), "a positive number");
  return {.text = std::move(claim),
          .kind = Claim::Kind::equivalence,
          .prediction = text(measure, ": ", choice_text(a), " as ", choice_text(b), " within ", significant(margin)),
          .refutation = text("an interval of the difference beyond ", significant(margin), " on either side"),
          .judge = [=](const Results& results) { return judged_equivalent(measure, a, b, margin, results); }};
}

Claim trend(ClaimText claim, const std::string& measure, const std::string& factor, int direction, Arm where) {
  if (direction != 1 && direction != -1) fail(text("claim ", claim.id), text("direction ", direction), "1 or -1");
  return {.text = std::move(claim),
          .kind = Claim::Kind::trend,
          .prediction = text(measure, ' ', side(direction), " with ", factor),
          .refutation = text("a trend that ", side(-direction), " with p < 0.05"),
          .judge = [=](const Results& results) { return judged_trend(measure, factor, direction, where, results); }};
}

Claim estimate(ClaimText claim, const std::string& measure, Arm where) {
  return {.text = std::move(claim),
          .kind = Claim::Kind::estimate,
          .prediction = text(measure, ": a number"),
          .judge = [=](const Results& results) {
            Verdict verdict = on_differences(results.values(measure, where), {});
            verdict.is = Verdict::Is::reported;
            return verdict;
          }};
}

Claim estimate(ClaimText claim, const std::string& measure, ArmChoice a, ArmChoice b) {
  return {.text = std::move(claim),
          .kind = Claim::Kind::estimate,
          .prediction = text(measure, ": ", choice_text(a), " less ", choice_text(b)),
          .judge = [=](const Results& results) {
            const std::vector<double> d = results.differences(measure, chosen_arm(a, results), chosen_arm(b, results));
            Verdict verdict = on_differences(d, choices(a, b, results));
            verdict.is = Verdict::Is::reported;
            return verdict;
          }};
}

bool surprising(const Judged& judged) {
  using Is = Verdict::Is;
  const Claim& claim = *judged.claim;
  if (claim.kind != Claim::Kind::identity && claim.kind != Claim::Kind::equilibrium) return false;
  const Is is = judged.verdict.is;
  return is != claim.text.expected && (is == Is::refuted || is == Is::confirmed);
}

std::vector<Judged> judge(const std::vector<Claim>& claims, const Results& results, Tier tier) {
  std::vector<Judged> out;
  std::vector<double> p;
  for (const Claim& claim : claims) {
    if (claim.least > tier) continue;
    try {
      out.push_back({&claim, claim.judge(results)});
    } catch (const Error& error) {
      fail(text("claim ", claim.text.id), error.what(), "what its trials measure");
    }
    if (!std::isnan(out.back().verdict.p)) p.push_back(out.back().verdict.p);
  }
  const std::vector<double> adjusted = holm(p);
  std::size_t next = 0;
  for (Judged& judged : out) {
    Verdict& verdict = judged.verdict;
    if (std::isnan(verdict.p)) continue;
    verdict.p = adjusted[next++];
    const bool by_p = judged.claim->kind != Claim::Kind::equivalence || verdict.is == Verdict::Is::confirmed;
    if (by_p && verdict.is != Verdict::Is::reported && !(verdict.p < significance)) verdict.is = Verdict::Is::undecided;
  }
  return out;
}

}  // namespace ebb
