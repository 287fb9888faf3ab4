/// \file
/// What a classifier did on a data set.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "framework/tensor/tensor.h"

namespace ebb {

/// The class of the largest logit, the first one on ties. Nothing where softmax gives no probabilities: for a NaN, or
/// when the largest logit is infinite.
template <class T>
std::optional<std::int64_t> predicted_class(std::span<const T> logits);

/// Counts of (true class, predicted class), and of samples that got no prediction.
class Confusion {
 public:
  /// \param classes number of classes, at least 1.
  explicit Confusion(std::int64_t classes);

  /// Counts a batch by predicted_class().
  /// \param logits `[n, classes]`, f32 or f64. \param labels `[n]`, i64.
  /// \throws Error when shapes do not match or a label is out of range.
  void add(const Tensor& logits, const Tensor& labels);

  /// Adds `count` samples of class `truth` that were predicted as `predicted`, or got no prediction.
  /// \throws Error when a class or the count is out of range.
  void add(std::int64_t truth, std::optional<std::int64_t> predicted, std::int64_t count);

  std::int64_t classes() const { return classes_; }  ///< Number of classes.
  std::int64_t total() const { return total_; }      ///< Samples counted, those without a prediction too.
  double accuracy() const;                           ///< Share of right predictions, 0 for no samples.

  /// Samples of class `truth` that were predicted as `predicted`.
  std::int64_t count(std::int64_t truth, std::int64_t predicted) const;

  std::int64_t samples(std::int64_t truth) const;      ///< Samples of class `truth`, those without a prediction too.
  std::int64_t unpredicted(std::int64_t truth) const;  ///< Samples of class `truth` without a prediction.
  std::int64_t unpredicted() const;                    ///< Samples of all classes without a prediction.

  double recall(std::int64_t c) const;     ///< Right predictions among the samples of class c; 0 when there are none.
  double precision(std::int64_t c) const;  ///< Right ones among the predictions of class c; 0 when there are none.

 private:
  std::int64_t classes_;
  std::int64_t total_ = 0;
  std::vector<std::int64_t> counts_;       // row: true class, column: predicted class
  std::vector<std::int64_t> unpredicted_;  // by true class
};

/// The table `class  samples  recall  precision  most often taken for`, a line for each class; below it how many
/// samples got no prediction, if any did.
/// \param names one for each class.
std::string class_table(const Confusion& confusion, const std::vector<std::string>& names);

}  // namespace ebb
