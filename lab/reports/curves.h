// The plots of reports: private to them.
#pragma once

#include <span>
#include <vector>

#include "lab/reports/plot.h"
#include "lab/reports/report.h"

namespace ebb {

// Loss and accuracy of one run or several over epochs.
std::vector<Plot> learning_plots(std::span<const RunData> runs);

// Learning rate, lambda and shrink, norms of weights and gradients of each group over steps.
std::vector<Plot> group_plots(const RunData& run);

}  // namespace ebb
