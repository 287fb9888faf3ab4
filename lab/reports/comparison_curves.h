// The curves of several runs: private to the reports.
#pragma once

#include <vector>

#include "lab/reports/conditions.h"
#include "lab/reports/plot.h"

namespace ebb {

// Accuracy and loss of evaluation and training over epochs: a curve for each condition, the mean of its runs, with a
// band from the lowest to the highest.
std::vector<Plot> compared_learning(const Conditions& conditions, std::span<const RunData> runs);

// The measures of the group `name` over steps, likewise. What is 0 in all runs is left out.
std::vector<Plot> compared_group(const Conditions& conditions, const std::string& name);

// Whether two plots show the same.
bool same_curves(const Plot& a, const Plot& b);

// Test accuracy and test loss over the one key in which the conditions differ, where that is a number: a dot for each
// run, a line through the means.
std::vector<Plot> results_by_key(const Conditions& conditions);

}  // namespace ebb
