/// \file
/// The optical digits of UCI: 8 x 8 grey images in ten classes, 3,823 to train with and 1,797 to test with. Small
/// enough to try things out within seconds.
#pragma once

#include <filesystem>
#include <optional>

#include "data/image_dataset.h"

namespace ebb {

/// How the images are standardised.
struct OptdigitsOptions {
  std::optional<PixelStatistics> statistics = {};  ///< Instead of those of the training set; see fit_statistics().
};

/// Handwritten digits (E. Alpaydin, C. Kaynak 1998) from optdigits.tra or optdigits.tes, in the directory or in its
/// folder "optdigits". The counts 0 to 16 of ink become pixels 0 to 255. Standardised by the mean 0.3078 and the
/// deviation 0.3771 of the training set unless the options say otherwise.
class Optdigits : public ImageDataset {
 public:
  /// \param directory as above; empty: EBB_DATA.
  /// \throws Error naming the places looked at and how to get the data, or the file and what is wrong with it.
  explicit Optdigits(const std::filesystem::path& directory = {}, Split split = Split::train,
                     const OptdigitsOptions& options = {});
};

}  // namespace ebb
