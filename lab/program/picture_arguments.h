/// \file
/// What a command line says of reading pictures.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "lab/program/picture_reader.h"

namespace ebb {

/// The options of commands that read pictures.
class PictureArguments {
 public:
  /// Adds them to a command.
  void add_to(CLI::App& command);

  /// After parsing. \throws Error for a word that is none of an option's.
  PictureReading reading() const;

 private:
  std::string background_ = "white", fit_;
  std::int64_t most_pixels_ = PictureOptions().most_pixels;
  bool invert_ = false;
};

}  // namespace ebb
