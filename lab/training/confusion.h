/// \file
/// What a classifier did on a data set.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/tensor/tensor.h"

namespace ebb {

/// Counts of (true class, predicted class).
class Confusion {
 public:
  /// \param classes number of classes, at least 1.
  explicit Confusion(std::int64_t classes);

  /// Counts a batch: the predicted class is the largest logit, the first one on ties.
  /// \param logits `[n, classes]`, f32 or f64. \param labels `[n]`, i64.
  /// \throws Error when shapes do not match or a label is out of range.
  void add(const Tensor& logits, const Tensor& labels);

  /// Adds `count` samples of class `truth` that were predicted as `predicted`.
  /// \throws Error when a class or the count is out of range.
  void add(std::int64_t truth, std::int64_t predicted, std::int64_t count);

  std::int64_t classes() const { return classes_; }  ///< Number of classes.
  std::int64_t total() const { return total_; }      ///< Samples counted.
  double accuracy() const;                           ///< Share of right predictions, 0 for no samples.

  /// Samples of class `truth` that were predicted as `predicted`.
  std::int64_t count(std::int64_t truth, std::int64_t predicted) const;

  double recall(std::int64_t c) const;     ///< Right predictions among the samples of class c; 0 when there are none.
  double precision(std::int64_t c) const;  ///< Right ones among the predictions of class c; 0 when there are none.

 private:
  std::int64_t classes_;
  std::int64_t total_ = 0;
  std::vector<std::int64_t> counts_;  // row: true class, column: predicted class
};

/// The table `class  samples  recall  precision  most often taken for`, a line for each class.
/// \param names one for each class.
std::string class_table(const Confusion& confusion, const std::vector<std::string>& names);

}  // namespace ebb
