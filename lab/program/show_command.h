/// \file
/// `ebb show`: what is inside of trained networks, as pictures.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "lab/program/picture_reader.h"

namespace ebb {

/// What is shown.
enum class Inside : std::uint8_t {
  filters,   ///< Those of the first convolution.
  maps,      ///< What a layer gives for a picture.
  saliency,  ///< On which pixels the answer depends.
  cam,       ///< Which regions speak for the answer.
};

/// "filters", "maps", "saliency", "cam": the words for them, in their order.
const std::vector<std::string>& inside_names();

/// What the command line of `ebb show` says.
struct ShowCommand {
  Inside what = Inside::filters;           ///< See there.
  std::vector<std::string> models = {};    ///< Run directories or files of weights; several for filters alone.
  std::vector<std::string> pictures = {};  ///< Files, directories, or "-" for standard input; none for filters.
  PredictorOptions options = {};           ///< What the files of weights do not say.
  PictureReading reading = {};             ///< How pictures are read.
  std::string layer = {};                  ///< Of maps and cam; empty: the first convolution, or the last one.
  std::filesystem::path out = {};          ///< The directory that gets the pictures.
  bool overwrite = false;                  ///< Whether files that are there are replaced.
};

/// Writes pictures, one for each that was given, or one of the filters. 1 when one could not be read: the others are
/// shown.
/// \throws Error when the network cannot be used, the layer is not there, or a file would be replaced.
int run(const ShowCommand& command);

}  // namespace ebb
