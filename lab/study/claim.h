/// \file
/// What a study claims, and what became of it: intervals against bands that were stated before.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "lab/study/results.h"
#include "lab/study/statistics.h"
#include "lab/study/tier.h"

namespace ebb {

/// What became of a claim.
struct Verdict {
  /// The outcome.
  enum class Is : std::uint8_t {
    confirmed,  ///< The whole interval lies in the band.
    refuted,    ///< It lies outside.
    undecided,  ///< Neither, or the study is too small for its claim.
    reported,   ///< A number without a pass.
  };
  Is is = Is::undecided;                                        ///< The outcome.
  Interval measured = {};                                       ///< Estimate with its interval.
  double predicted = std::numeric_limits<double>::quiet_NaN();  ///< The band's middle, NaN where there is none.
  double p = std::numeric_limits<double>::quiet_NaN();          ///< Two-sided; adjusted by judge() below. NaN: no test.
  std::int64_t n = 0;                                           ///< Pairs, or values where there is one pair.
  std::string sentence = {};                                    ///< What a reader has to know beside.
};

/// "confirmed", "refuted", "undecided", "reported".
const char* name(Verdict::Is is);

/// A claim in words.
struct ClaimText {
  std::string id;                         ///< In its study, e.g. "S2.3".
  std::string statement;                  ///< One sentence.
  std::vector<std::string> answers = {};  ///< Claims of the source texts that it answers, e.g. "B10".
  /// What will come of it as far as is known: a sentence of others that is wrong is stated as they have it.
  Verdict::Is expected = Verdict::Is::confirmed;
};

/// A statement about results that may turn out wrong.
struct Claim {
  /// How it is judged.
  enum class Kind : std::uint8_t { identity, equilibrium, comparison, equivalence, trend, estimate };
  ClaimText text = {};                                ///< In words.
  Kind kind = Kind::estimate;                         ///< Comparisons, equivalences and trends share Holm's correction.
  std::string prediction = {};                        ///< What the tables say was predicted, e.g. "1 within 3 %".
  std::string refutation = {};                        ///< What would refute it.
  std::function<Verdict(const Results&)> judge = {};  ///< Mostly of a helper below.
  Tier least = Tier::T0;                              ///< It is not judged at smaller tiers.
};

/// "identity", "equilibrium", ...
const char* name(Claim::Kind kind);

/// A number that is known, or a measured column.
struct Quantity {
  /// The same everywhere.
  template <class Number>
  requires std::is_arithmetic_v<Number> Quantity(Number known) : number(static_cast<double>(known)) {}
  Quantity(const char* column) : measure(column) {}             ///< By trial (and step).
  Quantity(std::string column) : measure(std::move(column)) {}  ///< As above.
  double number = std::numeric_limits<double>::quiet_NaN();     ///< NaN where a measure is meant.
  std::string measure = {};                                     ///< Empty where a number is meant.
};

/// An arm, perhaps with one factor at the level that validation chose; see choose().
struct ArmChoice {
  ArmChoice(Arm fixed) : arm(std::move(fixed)) {}                            ///< Nothing is chosen.
  ArmChoice(std::initializer_list<Arm::value_type> levels) : arm(levels) {}  ///< As above.
  /// The factor `varied` is chosen among the arms that agree with `fixed` by "validation/JUDGE".
  ArmChoice(Arm fixed, std::string varied, std::string judge)
      : arm(std::move(fixed)), factor(std::move(varied)), measure(std::move(judge)) {}
  Arm arm = {};              ///< Its fixed levels.
  std::string factor = {};   ///< Empty: none is chosen.
  std::string measure = {};  ///< Without "validation/".
};

/// |measure| <= bound for every arm that agrees with `where`, every pair and step.
/// \param effect what the number would be were the claim wrong: at least 1000 bounds, and 1e-6 where the bound is 0, or
/// the test could not tell and the claim is undecided.
Claim identity(ClaimText text, const std::string& measure, double bound, Quantity effect, Arm where = {});

/// The mean over pairs of measured / predicted is 1 within `relative`, in every arm that agrees with `where`.
/// \param block for a measure that is a series: successive values that depend on each other, about two relaxation
/// times.
Claim within(ClaimText text, const std::string& measured, Quantity predicted, double relative, Arm where = {},
             std::int64_t block = 1);

/// The mean over pairs of the measure lies above `floor`, in every arm that agrees with `where`.
Claim above(ClaimText text, const std::string& measure, double floor, Arm where = {});

/// log y against log x over arms is a line of slope `predicted`, within `tolerance`. \param x a factor or a measure.
Claim slope(ClaimText text, const std::string& y, const std::string& x, double predicted, double tolerance,
            Arm where = {});

/// The measure is greater in `a` than in `b`: paired sign flips; at least six pairs.
Claim greater(ClaimText text, const std::string& measure, ArmChoice a, ArmChoice b);

/// The measure differs by less than `margin`: two one-sided tests; at least 16 pairs.
Claim equivalent(ClaimText text, const std::string& measure, ArmChoice a, ArmChoice b, double margin);

/// The measure rises (direction 1) or falls (-1) over the levels of a factor: Page's test.
Claim trend(ClaimText text, const std::string& measure, const std::string& factor, int direction, Arm where = {});

/// The mean over pairs with its interval, without a pass.
Claim estimate(ClaimText text, const std::string& measure, Arm where = {});

/// As above, of the difference between two arms.
Claim estimate(ClaimText text, const std::string& measure, ArmChoice a, ArmChoice b);

/// A claim with what became of it.
struct Judged {
  const Claim* claim;  ///< Of the list given.
  Verdict verdict;     ///< What became of it.
};

/// Whether an identity or an equilibrium, which only chance or a fault can upset, came out against what was expected:
/// refuted, or confirmed where it should be refuted.
bool surprising(const Judged& judged);

/// The verdicts of all claims that are judged at `tier`, in their order: p values adjusted together by Holm's method.
/// \throws Error naming the claim that asks for a measure that nobody made.
std::vector<Judged> judge(const std::vector<Claim>& claims, const Results& results, Tier tier = Tier::T3);

}  // namespace ebb
