/// \file
/// Settings of a recipe that cannot do in its run what they seem to say.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lab/recipe/recipe.h"
#include "optim/optimizer.h"

namespace ebb {

/// Sentences to read before the first step: averages over more than the run, warm-ups that outlast it, steps, windows
/// and patience that never come, and decay that takes all of a weight in a step. Empty for a run without epochs.
/// \param batches in an epoch.
std::vector<std::string> run_warnings(const Recipe& recipe, const Optimizer& optimizer, std::int64_t batches);

}  // namespace ebb
