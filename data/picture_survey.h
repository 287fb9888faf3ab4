/// \file
/// What pictures are like: sizes, equal ones, nearly constant ones, broken ones.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/picture_set.h"

namespace ebb {

/// One picture that was looked at.
struct SurveyedPicture {
  std::string source;        ///< Path below the folder, or of the file that it was packed from.
  std::int64_t label = 0;    ///< Number of its class.
  PictureSize size;          ///< As decoded; 0 x 0 where it cannot be read.
  bool grey = false;         ///< By its format.
  double deviation = 0;      ///< The largest standard deviation of its channels, in grey levels of 0 to 255.
  std::string pixel_sha256;  ///< Equal for pictures of equal size and colours.
  std::string problem;       ///< Why it cannot be read; empty: it can.
};

/// Pictures whose deviation is below this show nearly nothing.
constexpr double least_deviation = 2;

/// All pictures of a data set.
struct PictureSurvey {
  std::vector<std::string> classes;    ///< Names.
  std::vector<SurveyedPicture> train;  ///< Of the training set, or of all where the folder is not split.
  std::vector<SurveyedPicture> test;   ///< Of the test set.
};

/// Decodes all pictures of a folder in parallel, one after another in memory.
/// \param progress as PictureSetOptions::progress.
PictureSurvey survey_pictures(const PictureFolder& folder,
                              const std::function<void(std::int64_t done, std::int64_t total)>& progress = {});

/// Looks at the pictures of a set, as they are in it.
PictureSurvey survey_pictures(const PictureSet& set);

/// The median of the heights, and that of the widths, of all that can be read (of an even number the lower one).
/// \throws Error when none can be read.
PictureSize median_size(const PictureSurvey& survey);

/// Two pictures with equal pixels.
struct EqualPictures {
  const SurveyedPicture* first = nullptr;   ///< The earliest.
  const SurveyedPicture* second = nullptr;  ///< Another one.
};

/// For each picture of `second` that `first` has too: the earliest there, and it. Of a split with itself: each picture
/// that an earlier one equals.
std::vector<EqualPictures> equal_pictures(const std::vector<SurveyedPicture>& first,
                                          const std::vector<SurveyedPicture>& second);

}  // namespace ebb
