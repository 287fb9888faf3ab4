/// \file
/// The command lines of `ebb predict` and `ebb summary`.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>

#include "lab/program/model_arguments.h"
#include "lab/program/picture_arguments.h"
#include "lab/program/predict_command.h"

namespace ebb {

/// Adds both commands to the program, and runs the one that was chosen.
class PredictCommandLine {
 public:
  PredictCommandLine(CLI::App& app, const std::shared_ptr<const Extensions>& extensions);

  bool chosen() const { return *predict_ || *summary_; }  ///< After parsing.

  /// Runs it. \returns the exit status. \throws Error
  int run();

 private:
  CLI::App* predict_;
  CLI::App* summary_;
  PredictCommand command_;
  ModelArguments model_;
  PictureArguments pictures_;
  bool json_ = false, csv_ = false, tta_ = false;
};

}  // namespace ebb
