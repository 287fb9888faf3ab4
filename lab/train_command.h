/// \file
/// `ebb train`: private to the program.
#pragma once

#include <string>
#include <vector>

namespace ebb {

/// What the command line of `ebb train` says.
struct TrainCommand {
  std::string what;                   ///< A built-in recipe or a .toml file.
  std::vector<std::string> settings;  ///< "key=value", in the order given.
  bool print_recipe = false;          ///< Print the resolved recipe and stop.
};

/// Runs it. \throws Error
void run(const TrainCommand& command);

}  // namespace ebb
