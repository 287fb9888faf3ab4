/// \file
/// Labelled images as bytes in memory, standardised as they are read.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "data/pixel_statistics.h"

namespace ebb {

/// Images `[height, width, channels]` of bytes with labels. Copies share the pixels.
class ImageDataset : public Dataset {
 public:
  /// \param pixels u8 `[n, height, width, channels]`, n at least 1.
  /// \param labels u8 `[n]`, or i32 for more than 256 classes, each below the number of class names.
  /// \param class_names one for each class.
  /// \param statistics for the standardisation.
  /// \throws Error when they do not fit together.
  ImageDataset(Tensor pixels, Tensor labels, std::vector<std::string> class_names, PixelStatistics statistics);

  std::int64_t size() const override { return labels_.size(); }
  Shape sample_shape() const override { return pixels_.shape().without(0); }
  std::int64_t classes() const override { return static_cast<std::int64_t>(class_names_.size()); }
  void read(std::span<const std::int64_t> indices, std::span<float> samples,
            std::span<std::int64_t> labels) const override;
  std::string class_name(std::int64_t label) const override;
  std::optional<PixelStatistics> standardisation() const override { return statistics_; }

  const Tensor& pixels() const { return pixels_; }                   ///< u8 `[n, height, width, channels]`.
  const Tensor& labels() const { return labels_; }                   ///< u8 or i32 `[n]`.
  const PixelStatistics& statistics() const { return statistics_; }  ///< What read() standardises with.

  /// The label of an image, 0 .. size()-1.
  std::int64_t label(std::int64_t image) const {
    return labels_.dtype() == DType::u8 ? labels_.data<std::uint8_t>()[image] : labels_.data<std::int32_t>()[image];
  }

  /// What the reader of the files noticed, for people: that they are not as published, say. Empty: nothing.
  const std::string& remark() const { return remark_; }

  void set_remark(std::string remark) { remark_ = std::move(remark); }  ///< See remark().

  /// Replaces the statistics, for example by fit_statistics() of the training set.
  /// \throws Error unless there is one finite mean and one deviation above 0 for each channel.
  void set_statistics(PixelStatistics statistics);

 private:
  Tensor pixels_;
  Tensor labels_;
  std::vector<std::string> class_names_;
  PixelStatistics statistics_;
  std::string remark_;
  std::vector<float> table_;  // for each channel the standardised value of each byte
};

}  // namespace ebb
