/// \file
/// Pictures of a command line, as a network takes them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/picture.h"
#include "framework/tensor/error.h"
#include "lab/use/far_pictures.h"
#include "lab/use/predictor.h"

namespace ebb {

/// How pictures are read.
struct PictureReading {
  std::optional<Fit> fit = {};  ///< How they get the network's size; none: as in its training, else crop.
  ResizeOptions size = {};      ///< What else is done for it; its fit is not looked at.
  PictureOptions file = {};     ///< How files are read.
  bool invert = false;          ///< Light for dark before anything else.
};

/// pictures_of(), which complains of its problems. \param all becomes false where there are some.
std::vector<std::string> listed_pictures(const std::vector<std::string>& paths, bool& all);

/// That a network answers a picture by logits of which no class follows; see predicted_class().
Error no_class(const std::string& path);

/// Reads pictures for a network, and complains of those that are unlike what it was trained on.
class PictureReader {
 public:
  PictureReader(const Predictor& predictor, const PictureReading& reading);  ///< The network must outlive it.

  /// \param path of a file, or "-" for standard input. \returns u8 `[h, w, c]` of the network's image.
  /// \throws Error when it cannot be read.
  Tensor read(const std::string& path);

 private:
  const Predictor& predictor_;
  PictureReading reading_;
  FarPictures far_;
};

}  // namespace ebb
