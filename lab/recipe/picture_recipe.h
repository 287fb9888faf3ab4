/// \file
/// PictureRecipe: how pictures of one's own become data.
#pragma once

#include <optional>

#include "data/picture_size.h"
#include "data/resize.h"

namespace ebb {

/// The keys of `data = "folder"`; those of a packed set, if any, say what it must be. See PictureSetOptions.
struct PictureRecipe {
  std::optional<PictureSize> image_size;  ///< Of all pictures; default their median.
  std::optional<Fit> fit;                 ///< Of pictures of another shape; default crop.
  bool grey = false;                      ///< Make all grey.
  std::optional<double> test;             ///< Share of the test set where the folder has none; default 0.2.
  bool skip_broken = false;               ///< Leave out files that cannot be read.
};

}  // namespace ebb
