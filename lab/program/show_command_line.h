/// \file
/// The command line of `ebb show`.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "lab/program/model_arguments.h"
#include "lab/program/picture_arguments.h"
#include "lab/program/show_command.h"

namespace ebb {

/// Adds the command to the program, and runs it.
class ShowCommandLine {
 public:
  ShowCommandLine(CLI::App& app, const std::shared_ptr<const Extensions>& extensions);

  bool chosen() const { return static_cast<bool>(*command_); }  ///< After parsing.

  /// Runs it. \returns the exit status. \throws Error
  int run();

 private:
  CLI::App* command_;
  ShowCommand show_;
  ModelArguments model_;
  PictureArguments pictures_;
  std::vector<std::string> words_;
  std::string out_;
};

}  // namespace ebb
