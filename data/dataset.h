/// \file
/// What a data set is, and one from tensors in memory.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "data/pixel_statistics.h"
#include "framework/tensor/tensor.h"

namespace ebb {

/// The parts that published data sets come in.
enum class Split : std::uint8_t {
  train,  ///< To learn from.
  test,   ///< To evaluate with.
};

/// "train" or "test".
const char* name(Split split);

/// Samples with class labels. A data set of one's own derives from it and overrides the pure virtual functions;
/// Loader does the rest. The functions are const and may be called by several threads.
class Dataset {
 public:
  virtual ~Dataset() = default;

  /// Number of samples.
  virtual std::int64_t size() const = 0;

  /// Shape of one sample, images `[height, width, channels]`.
  virtual Shape sample_shape() const = 0;

  /// Number of classes; labels are 0 .. classes()-1.
  virtual std::int64_t classes() const = 0;

  /// Writes the samples at `indices` (each 0 .. size()-1), in that order.
  /// \param samples f32, indices.size() times sample_shape().size() numbers, to be filled completely.
  /// \param labels as many as indices.
  /// \throws Error when there is no such sample or the spans do not fit (see require_readable()).
  virtual void read(std::span<const std::int64_t> indices, std::span<float> samples,
                    std::span<std::int64_t> labels) const = 0;

  /// The name of a class for reports; its number unless overridden.
  virtual std::string class_name(std::int64_t label) const;

  /// How read() standardises images, for those who use the model later: nothing unless overridden.
  virtual std::optional<PixelStatistics> standardisation() const { return std::nullopt; }

 protected:
  /// For the first line of read().
  /// \throws Error when an index is not one of a sample or a span has another length than read() demands.
  void require_readable(std::span<const std::int64_t> indices, std::span<const float> samples,
                        std::span<const std::int64_t> labels) const;

  Dataset() = default;
  Dataset(const Dataset&) = default;             ///< For data sets that can be copied.
  Dataset(Dataset&&) = default;                  ///< For data sets that can be moved.
  Dataset& operator=(const Dataset&) = default;  ///< As above.
  Dataset& operator=(Dataset&&) = default;       ///< As above.
};

/// Samples from two tensors, whose numbers it shares.
class TensorDataset : public Dataset {
 public:
  /// \param samples f32 `[n, ...]`.
  /// \param labels i64 `[n]`, each 0 .. classes-1.
  /// \param classes number of classes; 0: the largest label plus one.
  /// \throws Error when shapes, dtypes or labels are not like that.
  TensorDataset(Tensor samples, Tensor labels, std::int64_t classes = 0);

  std::int64_t size() const override { return labels_.size(); }
  Shape sample_shape() const override;
  std::int64_t classes() const override { return classes_; }
  void read(std::span<const std::int64_t> indices, std::span<float> samples,
            std::span<std::int64_t> labels) const override;

  const Tensor& samples() const { return samples_; }  ///< f32 `[n, ...]`.
  const Tensor& labels() const { return labels_; }    ///< i64 `[n]`.

 private:
  Tensor samples_;
  Tensor labels_;
  std::int64_t classes_;
};

}  // namespace ebb
