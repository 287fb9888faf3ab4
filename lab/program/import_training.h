// `ebb import --with-optimizer`: a training of PyTorch's as a run that goes on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lab/recipe/recipe.h"

namespace ebb {

// What the command line says of it.
struct TrainingImport {
  std::string file = {};                              // Weights and optimizer, see torch_training().
  std::string like = {};                              // A run, or a recipe as `ebb train` takes it.
  std::string out = {};                               // The run directory that is made.
  std::vector<std::string> settings = {};             // "key=value", which change that recipe.
  bool overwrite = false;                             // Replace a run that is there.
  std::shared_ptr<const Extensions> extensions = {};  // Of the program.
};

// Makes a run directory with the recipe and one checkpoint, which `ebb resume` goes on from. Its place is that of the
// updates that the file counts. \throws Error
int run(const TrainingImport& import);

}  // namespace ebb
