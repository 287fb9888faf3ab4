/// \file
/// Which pictures a command line means.
#pragma once

#include <string>
#include <vector>

namespace ebb {

/// The paths as given, directories replaced by the PNG and JPEG files in them, by their names' ends in any case, in
/// the order of the bytes of their names; hidden ones are left out, and so is what lies in directories within.
/// \throws Error naming a directory without a picture.
std::vector<std::string> pictures_of(const std::vector<std::string>& paths);

}  // namespace ebb
