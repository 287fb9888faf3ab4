/// \file
/// Labelled pictures of a folder, decoded and brought to one size.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/image_dataset.h"
#include "data/picture_folder.h"
#include "data/picture_size.h"
#include "data/resize.h"

namespace ebb {

/// The pictures of one split.
struct PictureSplit {
  Tensor pixels;                     ///< u8 `[n, height, width, 1 or 3]`.
  Tensor labels;                     ///< u8 `[n]`; i32 where there are more than 256 classes.
  std::vector<std::string> sources;  ///< Where each comes from: its path below the folder.
  std::vector<std::string> sha256;   ///< Of the file of each, in hexadecimal.
};

/// The label of a picture.
inline std::int64_t label_of(const PictureSplit& split, std::int64_t picture) {
  return split.labels.dtype() == DType::u8 ? split.labels.data<std::uint8_t>()[picture]
                                           : split.labels.data<std::int32_t>()[picture];
}

/// Names of the classes that have no picture in a split, in the order of labels.
std::vector<std::string> lacking_classes(const std::vector<std::string>& classes, const PictureSplit& split);

/// Both splits of a data set of pictures.
struct PictureSet {
  std::vector<std::string> classes;  ///< Names, in the order of labels.
  PictureSplit train;                ///< To learn from.
  PictureSplit test;                 ///< To evaluate with.
  Fit fit = Fit::crop;               ///< How pictures got their size.
};

/// How a folder becomes a PictureSet.
struct PictureSetOptions {
  std::optional<PictureSize> size = {};  ///< Of all pictures; nothing: the median of heights and of widths.
  Fit fit = Fit::crop;                   ///< For pictures of another shape; what Fit::pad puts around is white.
  bool grey = false;                     ///< Make all grey; otherwise they are where all files are grey.
  double test = 0.2;                     ///< Share of the test set, where the folder has none: see read_pictures().
  std::uint64_t seed = 1;                ///< Chooses it.
  bool skip_broken = false;              ///< Leave out files that cannot be read, in place of an error.
  /// Called now and then by the calling thread with the number of pictures that are done, and of all. Where the size
  /// is to be found first, everything is read twice.
  std::function<void(std::int64_t done, std::int64_t total)> progress = {};
};

/// A file that could not be read.
struct SkippedPicture {
  std::string source;  ///< Path below the folder.
  std::string reason;  ///< In a sentence that names it.
};

/// What was read of a folder.
struct ReadPictures {
  PictureSet set;                       ///< All that could be read.
  std::vector<SkippedPicture> skipped;  ///< With PictureSetOptions::skip_broken.
};

/// Decodes the pictures of a folder in parallel: grey or colour first, then the size, as the program's predictions do
/// it; the same bytes on any number of threads. Where the folder has no test set, whether a picture is held out is a
/// function of its decoded pixels and the seed alone: a picture that is added moves no other one, and equal pictures
/// are never on both sides.
/// \throws Error listing what cannot be read, or classes without a training picture after that, and when one of the
/// splits would be empty.
ReadPictures read_pictures(const PictureFolder& folder, const PictureSetOptions& options = {});

/// \param where the folder or file, for the message. \param remedy see fail().
/// \throws Error naming the classes without a picture to learn from.
void require_training_pictures(const PictureSet& set, const std::string& where, const std::string& remedy);

/// Mean and deviation of each channel of the training set as published ones are given: rounded to four digits where
/// the deviation is at least 0.01. So MNIST, unpacked into a folder, has the numbers of the published files.
/// \throws Error when a channel is constant.
PixelStatistics picture_statistics(const PictureSet& set);

/// A split as a data set. \param statistics for the standardisation.
ImageDataset to_dataset(const PictureSet& set, Split split, const PixelStatistics& statistics);

}  // namespace ebb
