/// \file
/// `ebb import`: networks of other programs as files that `ebb` uses.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "lab/program/model_arguments.h"

namespace ebb {

/// Its command line. Adds the command to the program, and runs it.
class ImportCommandLine {
 public:
  ImportCommandLine(CLI::App& app, const std::shared_ptr<const Extensions>& extensions);

  bool chosen() const { return static_cast<bool>(*command_); }  ///< After parsing.

  /// Runs it. \returns the exit status. \throws Error
  int run();

 private:
  int import_training() const;
  ModelCard card(const std::map<std::string, std::string>& metadata, const std::string& where) const;

  CLI::App* command_;
  ModelArguments model_;
  std::shared_ptr<const Extensions> extensions_;
  std::string torch_, npz_, out_, like_, mean_, deviation_, data_dir_;
  bool with_optimizer_ = false, overwrite_ = false;
};

}  // namespace ebb
