/// \file
/// MNIST and Fashion-MNIST: 28 x 28 grey images in ten classes, 60,000 to train with and 10,000 to test with.
#pragma once

#include <filesystem>
#include <optional>

#include "data/image_dataset.h"

namespace ebb {

/// How the images are standardised.
struct MnistOptions {
  std::optional<PixelStatistics> statistics = {};  ///< Instead of the published ones; see fit_statistics().
};

/// Handwritten digits (Y. LeCun, C. Cortes, C. J. C. Burges), from the four files in IDX format, plain or gzip.
/// Standardised by the mean 0.1307 and the deviation 0.3081 of the training set unless the options say otherwise.
class Mnist : public ImageDataset {
 public:
  /// \param directory with the files, or with a folder "mnist" that has them; empty: EBB_DATA and its folder "mnist".
  /// \throws Error naming the places looked at and how to get the data, or the file and what is wrong with it.
  explicit Mnist(const std::filesystem::path& directory = {}, Split split = Split::train,
                 const MnistOptions& options = {});
};

/// Articles of clothing (Zalando SE), the files named as MNIST's. Standardised by 0.2860 and 0.3530 unless the
/// options say otherwise.
class FashionMnist : public ImageDataset {
 public:
  /// \param directory as for Mnist, with the folder "fashion-mnist"; empty: EBB_DATA, then the directory of Debian's
  /// package dataset-fashion-mnist.
  /// \throws Error as Mnist does.
  explicit FashionMnist(const std::filesystem::path& directory = {}, Split split = Split::train,
                        const MnistOptions& options = {});
};

}  // namespace ebb
