/// \file
/// What the trials of a study measured.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lab/study/choice.h"

namespace ebb {

/// What a study varies.
struct Factor {
  std::string name;                 ///< E.g. "lambda".
  std::vector<std::string> levels;  ///< E.g. "1e-4", "1e-3"; their order is that of trends and figures.
};

/// Factor: level. Where it selects results it may leave factors out: it then stands for all arms that agree with it.
using Arm = std::map<std::string, std::string>;

/// An arm as results.csv has it: "kind=K3; lambda=0.1"; "only" without factors.
std::string arm_text(const Arm& arm);

/// One number that a trial measured.
struct Measured {
  std::string measure;     ///< Its name.
  std::int64_t step = -1;  ///< In a series; -1: a number by itself.
  double value = 0;        ///< NaN and infinities are results too: a training that diverged.
};

/// What one trial measured.
class Record {
 public:
  /// \param measure a line without commas, quotes and "validation/" in front.
  /// \throws Error for other names, and for a measure that is there already.
  void put(const std::string& measure, double value);

  /// A number of a series. \param step 0 or more, each once. \throws Error as above.
  void put(const std::string& measure, std::int64_t step, double value);

  /// What a model does on validation data, for choose(): the measure "validation/NAME".
  void put_validation(const std::string& measure, const ValidationScore& score);

  /// A hyper-parameter that was chosen within the trial: the measures "tries" and "validation/chosen MEASURE".
  void put_chosen(const std::string& measure, const Chosen& chosen);

  /// All of it, by measure and step.
  std::vector<Measured> all() const;

 private:
  friend class Results;
  friend Record restored(const std::vector<Measured>& numbers);
  void insert(const std::string& measure, std::int64_t step, double value);
  std::map<std::pair<std::string, std::int64_t>, double> values_;
};

/// All records of a study, for claims and figures. Functions that take a measure throw Error when no trial has it.
class Results {
 public:
  /// \param factors of the study, in their order.
  explicit Results(std::vector<Factor> factors = {}) : factors_(std::move(factors)) {}

  /// Adds the record of a trial. \throws Error when it is there already.
  void add(const Arm& arm, std::uint64_t pair, const Record& record);

  /// Numbers of pairs, ascending.
  std::vector<std::uint64_t> pairs() const;

  /// One number for each pair, in ascending order: the mean over the arms that agree with `arm` and have the measure.
  std::vector<double> values(const std::string& measure, const Arm& arm = {}) const;

  /// values() of `a` less those of `b`, for the pairs that have both.
  std::vector<double> differences(const std::string& measure, const Arm& a, const Arm& b) const;

  /// Numbers over steps.
  std::vector<std::pair<double, double>> series(const std::string& measure, const Arm& arm, std::uint64_t pair) const;

  /// Every number of a measure, of arms that agree with `arm`: all arms, pairs and steps.
  std::vector<double> every(const std::string& measure, const Arm& arm = {}) const;

  /// The arms that agree with `where`, in their order.
  std::vector<Arm> arms(const Arm& where = {}) const;

  /// Whether some trial of an arm that agrees with `where` has the measure.
  bool has(const std::string& measure, const Arm& where = {}) const;

  /// Names of all measures, sorted.
  std::vector<std::string> measures() const;

  const std::vector<Factor>& factors() const { return factors_; }  ///< Of the study.

  /// The levels of a factor. \throws Error naming the factors there are.
  const std::vector<std::string>& levels(const std::string& factor) const;

  /// results.csv: arm, pair, measure, step, value; sorted, numbers with 17 digits.
  std::string csv() const;

 private:
  using Place = std::pair<std::size_t, std::uint64_t>;  // number of the arm, pair
  std::map<std::uint64_t, double> by_pair(const std::string& measure, const Arm& arm) const;
  void require(const std::string& measure, const Arm& arm) const;

  std::vector<Factor> factors_;
  std::vector<Arm> arms_;
  std::map<Place, Record> records_;
};

/// Whether `arm` has every level that `where` names.
bool agrees(const Arm& arm, const Arm& where);

/// A choice of a factor's level by validation: the level with the highest mean over pairs of "validation/MEASURE" among
/// the arms that agree with `where`. \throws Error when a level has no such measure.
Chosen choose(const Results& results, const std::string& factor, const std::string& measure, const Arm& where = {});

}  // namespace ebb
