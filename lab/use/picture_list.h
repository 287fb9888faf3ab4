/// \file
/// Which pictures a command line means.
#pragma once

#include <string>
#include <vector>

namespace ebb {

/// Pictures, and what is wrong with directories in which there is none or that cannot be read, a sentence each.
struct PictureList {
  std::vector<std::string> pictures;  ///< Paths.
  std::vector<std::string> problems;  ///< None where all is well.
};

/// The paths as given, directories replaced by the PNG and JPEG files in them, by their names' ends in any case, in
/// the order of the bytes of their names; hidden ones are left out, and so is what lies in directories within.
PictureList pictures_of(const std::vector<std::string>& paths);

}  // namespace ebb
