/// \file
/// `ebb predict` and `ebb summary`: trained networks in use.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lab/program/picture_reader.h"

namespace ebb {

/// How predictions are printed.
enum class PredictionFormat : std::uint8_t {
  text,  ///< A line for people.
  json,  ///< An object a line.
  csv,   ///< RFC 4180, with a line of names.
};

/// What the command line of `ebb predict` says.
struct PredictCommand {
  std::string model = {};                            ///< A run directory or a file of weights.
  std::vector<std::string> pictures = {};            ///< Files, directories, or "-" for standard input.
  PredictorOptions options = {};                     ///< What the file does not say.
  PictureReading reading = {};                       ///< How they are read.
  std::int64_t top = 1;                              ///< Classes that are named.
  bool probabilities = false;                        ///< Those of all classes, and the logits in JSON.
  PredictionFormat format = PredictionFormat::text;  ///< See there.
};

/// Says what is on pictures. 1 when one could not be read: the others are predicted.
/// \throws Error when the network cannot be used.
int run(const PredictCommand& command);

/// What the command line of `ebb summary` says.
struct SummaryCommand {
  std::string model = {};         ///< As above.
  PredictorOptions options = {};  ///< As above.
};

/// Prints what a file of weights is.
/// \throws Error as above.
int run(const SummaryCommand& command);

}  // namespace ebb
