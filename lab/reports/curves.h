// The curves of a run and of several: private to the reports.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lab/reports/plot.h"
#include "lab/reports/report.h"

namespace ebb {

using Points = std::vector<std::pair<double, double>>;

// A running mean over about a fiftieth of the points, so that the trend of noisy values shows.
Points smooth(const Points& points);

// An epoch's quantity with the plot that shows it.
struct EpochQuantity {
  Plot plot;  // without curves
  std::function<double(const EpochResult&)> value;
  bool evaluated = false;  // of the evaluation: an epoch without one has no point
};

inline constexpr const char* shrink_title = "Shrink";

// What is measured of a group, with the plot that shows it.
struct GroupQuantity {
  Plot plot;  // without curves
  std::function<double(const GroupMeasure&)> value;
  bool noisy = false;  // shown as running mean
};

// A point for each epoch that has the quantity, or for each step in which the group was measured.
Points over_epochs(const RunData& run, const EpochQuantity& quantity);
Points over_steps(const RunData& run, const std::string& group, const GroupQuantity& quantity);

// Loss and accuracy in training and evaluation.
std::vector<EpochQuantity> epoch_quantities(const std::string& evaluated_on);

// Learning rate, shrink, norms of weights and gradients.
std::vector<GroupQuantity> group_quantities();

// The names of the groups that the runs measured, in the order in which they come up; of more than 24 the first.
std::vector<std::string> group_names(std::span<const RunData> runs);

// Loss and accuracy of a run over epochs, its training loss over steps.
std::vector<Plot> learning_plots(const RunData& run);

// Each group quantity of a run, with a curve for each group.
std::vector<Plot> group_plots(const RunData& run);

}  // namespace ebb
