/// \file
/// A study: what is varied, what is measured, and what is claimed of it. `ebb study` and study_main() run them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "framework/tensor/random.h"
#include "lab/reports/plot.h"
#include "lab/study/claim.h"
#include "lab/study/results.h"
#include "lab/study/study_data.h"
#include "lab/study/tier.h"

namespace ebb {

/// One arm with one pair: all that a trial's results may depend on.
struct Trial {
  Arm arm = {};                     ///< A level for each factor.
  std::uint64_t pair = 1;           ///< Seed of initialisation, order and noise: equal in all arms of a pair.
  Tier tier = Tier::T1;             ///< Smaller than the study's: do less.
  const StudyData* data = nullptr;  ///< The data sets that the study names.

  /// The level of a factor. \throws Error naming the factors there are.
  const std::string& word(std::string_view factor) const;

  /// As a number. \throws Error when the level is none.
  double number(std::string_view factor) const;

  /// Random numbers of the pair, the same in all its arms.
  Rng rng() const { return Rng(pair); }
};

/// A picture of the results with one message.
struct Figure {
  std::string file;                          ///< Name of the SVG without suffix: small letters, digits, '-', '_'.
  std::string message;                       ///< What it shows, in a sentence.
  std::function<Plot(const Results&)> draw;  ///< Made of the results; without gnuplot pages have its numbers.
  Tier least = Tier::T0;                     ///< It is not drawn at smaller tiers.
};

/// A study. Arms are the product of the factors' levels unless `arms` lists them.
struct Study {
  std::string name = {};                                ///< Small letters, digits, '-', '_'.
  std::string title = {};                               ///< Of its page.
  std::string statement = {};                           ///< What it is about, in a sentence.
  std::string answer = {};                              ///< What came out, for who reads nothing else; may be empty.
  std::string reference = {};                           ///< Where its claims come from.
  std::string limits = {};                              ///< What it does not show.
  std::vector<Factor> factors = {};                     ///< What is varied.
  std::vector<Arm> arms = {};                           ///< Empty: product(factors).
  std::vector<std::string> data = {};                   ///< Data sets that it needs, e.g. "fashion-mnist".
  std::int64_t pairs = 8;                               ///< Repetitions with another seed: pairs 1 to this many.
  Tier tier = Tier::T2;                                 ///< The whole study.
  Tier least_tier = tier;                               ///< The smallest tier at which it shows something.
  double minutes = 2;                                   ///< That the whole study takes on two cores.
  int version = 1;                                      ///< Raised when run() changes: old trials are then stale.
  std::function<void(const Trial&, Record&)> run = {};  ///< A pure function of the trial.
  std::vector<Claim> claims = {};                       ///< Stated before it is run.
  std::vector<Figure> figures = {};                     ///< One for each message.
  std::string pilot = {};  ///< What was seen on other pairs before the claims were stated, and what follows from it.
  std::string explanation = {};  ///< What was found out of the results, after they were judged.
};

/// Every combination of levels, the last factor changing first.
std::vector<Arm> product(const std::vector<Factor>& factors);

/// The half of `arms` in which an even number of the factors `word` are not at their first level: for factors of two
/// levels a fraction of the product in which effects are not mixed with those of fewer than all others in `word`.
std::vector<Arm> half_of(const std::vector<Arm>& arms, const std::vector<Factor>& factors,
                         const std::vector<std::string>& word);

/// Its arms, in order.
std::vector<Arm> arms_of(const Study& study);

/// \throws Error naming the study and what is wrong with its declaration.
void require_sound(const Study& study);

}  // namespace ebb
