/// \file
/// Labelled images as bytes in memory, standardised as they are read.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace ebb {

/// Mean and standard deviation of each channel, in units where a pixel is 0 to 1. Read pixels become
/// (pixel / 255 - mean) / deviation.
struct PixelStatistics {
  std::vector<double> mean = {0};       ///< One for each channel.
  std::vector<double> deviation = {1};  ///< One for each channel, above 0.
};

/// Images `[height, width, channels]` of bytes with labels. Copies share the pixels.
class ImageDataset : public Dataset {
 public:
  /// \param pixels u8 `[n, height, width, channels]`, n at least 1.
  /// \param labels u8 `[n]`, each below the number of class names.
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

  const Tensor& pixels() const { return pixels_; }                   ///< u8 `[n, height, width, channels]`.
  const Tensor& labels() const { return labels_; }                   ///< u8 `[n]`.
  const PixelStatistics& statistics() const { return statistics_; }  ///< What read() standardises with.

  /// Replaces the statistics, for example by fit_statistics() of the training half. None may be missing.
  void set_statistics(PixelStatistics statistics);

 private:
  Tensor pixels_;
  Tensor labels_;
  std::vector<std::string> class_names_;
  PixelStatistics statistics_;
  std::vector<std::array<float, 256>> table_;  // for each channel the standardised value of each byte
};

/// Mean and (biased) standard deviation of each channel of u8 `[n, height, width, channels]`, exact up to rounding.
/// \throws Error when a channel is constant.
PixelStatistics fit_statistics(const Tensor& pixels);

}  // namespace ebb
