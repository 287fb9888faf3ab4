/// \file
/// Hyper-parameters are chosen on validation data, by type: a Chosen is made of ValidationScores, a ValidationScore of
/// samples of Part::validation, and nothing makes either of test data.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "data/image_dataset.h"
#include "framework/nn/layer.h"
#include "lab/study/held_out.h"

namespace ebb {

/// Images that choices are made by.
using ValidationSet = HeldOut<ImageDataset, Part::validation>;

/// Images that results are reported on; no choice can be made by them.
using TestSet = HeldOut<ImageDataset, Part::test>;

/// How good a model is on validation data: higher is better.
class ValidationScore {
 public:
  double value() const { return value_; }  ///< NaN for a model that gives none.

 private:
  template <class Model, class Samples, class Seen>
  friend ValidationScore score(std::type_identity_t<Model>& model, const HeldOut<Samples, Part::validation>& validation,
                               double (*measure)(Model&, const Seen&));
  explicit ValidationScore(double value) : value_(value) {}
  double value_;
};

/// A model on validation data. \param measure a function, which has no data but what it is given.
template <class Model, class Samples, class Seen>
ValidationScore score(std::type_identity_t<Model>& model, const HeldOut<Samples, Part::validation>& validation,
                      double (*measure)(Model&, const Seen&)) {
  return ValidationScore(measure(model, validation.samples()));
}

/// The share of samples that a model classifies right, 0 to 1.
double accuracy_on(Layer& model, const Dataset& samples);

/// The accuracy of a model on validation data.
inline ValidationScore score(Layer& model, const ValidationSet& validation) {
  return score(model, validation, accuracy_on);
}

class Results;

/// A level that was chosen by validation.
class Chosen {
 public:
  const std::string& level() const { return level_; }  ///< The best one; of equals the first.
  double score() const { return score_; }              ///< Its score.
  std::int64_t tries() const { return tries_; }        ///< How many there were to choose from.

 private:
  struct Candidate {
    std::string level;
    double score;
  };
  friend Chosen choose(const std::vector<std::string>& levels,
                       const std::function<ValidationScore(const std::string&)>& attempt);
  friend Chosen choose(const Results& results, const std::string& factor, const std::string& measure,
                       const std::map<std::string, std::string>& where);
  explicit Chosen(const std::vector<Candidate>& candidates);
  std::string level_;
  double score_;
  std::int64_t tries_;
};

/// Tries each level and keeps the best by its score; one without a score (NaN) loses to every other.
/// \throws Error for no levels, or when none has a score.
Chosen choose(const std::vector<std::string>& levels,
              const std::function<ValidationScore(const std::string& level)>& attempt);

}  // namespace ebb
