// The group table of a recipe: private to lab/setup.
#pragma once

#include <string>
#include <vector>

#include "lab/setup/build.h"
#include "lab/setup/position_words.h"

namespace ebb {

// The table that decay_on and [[groups]] ask for, with layerwise learning rates.
// \throws Error for keys that contradict each other, and as groups() does.
Groups make_groups(const Recipe& recipe, Layer& model, const StepCounts& steps, const Recorded& record);

// The groups of that table that Muon leaves to Adam.
std::vector<std::string> groups_of_adam(const Recipe& recipe, const Groups& table);

}  // namespace ebb
