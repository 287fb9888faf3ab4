/// \file
/// What is in a data set: counts, statistics, images that stand in it twice.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "data/image_dataset.h"

namespace ebb {

/// Counts and statistics of a data set.
struct ImageSummary {
  std::int64_t images = 0;                 ///< Their number.
  std::vector<std::int64_t> class_counts;  ///< Images of each class.
  PixelStatistics statistics;              ///< Of each channel, as fit_statistics() has them.
};

/// Counts and statistics of `set`.
/// \throws Error when a channel is constant.
ImageSummary summarize(const ImageDataset& set);

/// Numbers of images with equal pixels.
struct EqualImages {
  std::int64_t first = 0;   ///< In the first data set.
  std::int64_t second = 0;  ///< In the second one.
};

/// For each image of `second` whose pixels some image of `first` has too: both numbers (of the earliest in `first`), in
/// the order of `second`. An image of the test set that stands in the training set spoils the test.
/// \throws Error when the images have different shapes.
std::vector<EqualImages> equal_images(const ImageDataset& first, const ImageDataset& second);

/// For each image whose pixels an earlier one has too: the numbers of the earliest and of the image.
std::vector<EqualImages> repeated_images(const ImageDataset& set);

}  // namespace ebb
