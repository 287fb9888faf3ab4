/// \file
/// `ebb export`: trained networks and runs in other people's formats.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "framework/io/atomic_file.h"
#include "lab/program/model_arguments.h"

namespace ebb {

/// Its command line. Adds the command to the program, and runs it.
class ExportCommandLine {
 public:
  ExportCommandLine(CLI::App& app, const std::shared_ptr<const Extensions>& extensions);

  bool chosen() const { return static_cast<bool>(*command_); }  ///< After parsing.

  /// Runs it. \returns the exit status. \throws Error
  int run();

 private:
  void export_model();
  void export_training() const;
  void export_runs();
  Existing existing() const { return overwrite_ ? Existing::replace : Existing::refuse; }

  CLI::App* command_;
  ModelArguments model_;
  std::shared_ptr<const Extensions> extensions_;
  std::vector<std::string> from_;
  std::string onnx_, torch_, npz_, csv_, tensorboard_, input_ = "pixels";
  std::int64_t batch_ = 0;
  bool softmax_ = false, with_optimizer_ = false, overwrite_ = false;
};

}  // namespace ebb
