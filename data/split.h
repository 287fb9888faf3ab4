/// \file
/// Parts of a data set: held-out validation samples and the folds of cross-validation.
#pragma once

#include <memory>
#include <vector>

#include "data/image_dataset.h"

namespace ebb {

/// Numbers of the samples of two parts that have no sample in common and all of them together.
struct Parts {
  Tensor train;     ///< i64, ascending.
  Tensor held_out;  ///< i64, ascending.
};

/// How samples are dealt out.
struct SplitOptions {
  std::uint64_t seed = 0;  ///< Another seed, another choice.
  bool stratified = true;  ///< Each class has its share of each part, but for less than one sample.
};

/// Holds the share `fraction` of all samples out (rounded to whole samples).
/// \throws Error when a part would be empty.
Parts split(const Dataset& set, double fraction, const SplitOptions& options = {});

/// Cross-validation: in each of the `folds` parts other samples are held out, each sample once. The sizes of folds
/// differ by at most one.
/// \throws Error unless 2 <= folds <= set.size().
std::vector<Parts> k_fold(const Dataset& set, std::int64_t folds, const SplitOptions& options = {});

/// Some samples of a data set, which it shares, in the order of their numbers given. Images are standardised as `set`
/// is: by all of it, those left out too. Where that matters use select().
class Subset : public Dataset {
 public:
  /// \param indices i64 `[n]`, numbers of samples of `set`.
  /// \throws Error when there is no data set, or no such sample.
  Subset(std::shared_ptr<const Dataset> set, Tensor indices);

  std::int64_t size() const override { return indices_.size(); }
  Shape sample_shape() const override { return set_->sample_shape(); }
  std::int64_t classes() const override { return set_->classes(); }
  void read(std::span<const std::int64_t> indices, std::span<float> samples,
            std::span<std::int64_t> labels) const override;
  std::string class_name(std::int64_t label) const override { return set_->class_name(label); }
  std::optional<PixelStatistics> standardisation() const override { return set_->standardisation(); }

 private:
  std::shared_ptr<const Dataset> set_;
  Tensor indices_;
};

/// A copy of some images with their labels, standardised as `set` is.
/// \param indices i64 `[n]`, numbers of samples of `set`, at least one.
/// \throws Error when there is no such sample.
ImageDataset select(const ImageDataset& set, const Tensor& indices);

/// Two parts of an image data set, both standardised by the statistics of the training part: nothing of the held-out
/// images enters the training.
struct ImageParts {
  ImageDataset train;     ///< To learn from.
  ImageDataset held_out;  ///< To evaluate with.
};

/// Copies both parts and fits the standardisation to the training part.
/// \throws Error as select() and fit_statistics() do.
ImageParts select(const ImageDataset& set, const Parts& parts);

}  // namespace ebb
