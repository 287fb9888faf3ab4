/// \file
/// What a command line says of a trained network.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "lab/use/predictor.h"

namespace ebb {

/// The network's file, and what that lacks. Commands of which one runs may share it.
class ModelArguments {
 public:
  /// Adds them to a command, the file in front.
  void add_to(CLI::App& command);

  /// Adds those beside the file.
  void add_facts_to(CLI::App& command);

  const std::string& path() const { return path_; }  ///< A run directory or a file of weights.

  /// What was given beside it.
  void take(PredictorOptions& options) const;

 private:
  std::string path_, name_, image_, classes_;
  std::vector<std::string> settings_;
};

}  // namespace ebb
