// Runs that are compared, by what they were made with: private to the reports.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lab/reports/report.h"

namespace ebb {

// Runs whose recipes differ in nothing but what changes no result on purpose: seed, name, places of files, threads,
// what is logged and saved; and in what was changed on the way.
struct Condition {
  std::string label;                 // a word for tables and legends
  std::string detail;                // more of it, or empty
  std::vector<const RunData*> runs;  // at least one
  std::vector<std::string> values;   // of the keys in which conditions differ
  std::string colour;                // in CSS
};

struct Conditions {
  std::vector<std::string> keys;    // in which the recipes of conditions differ; "groups" for the table of groups,
                                    // "changed" for what resuming changed
  bool labels_tell_values = false;  // labels are made of all keys and values; else of names of runs
  std::vector<Condition> all;       // in the order of the runs, or of the values where those are numbers
};

// `runs` must stay as long as what is returned.
Conditions conditions_of(std::span<const RunData> runs);

// The name of each run, with its parent directory where that tells equal names apart.
std::vector<std::string> distinct_names(std::span<const RunData> runs);

// A number of each run that has it.
using RunValue = std::function<std::optional<double>(const RunData&)>;

// Mean, least and largest of the numbers that are finite; NaN when there is none.
struct Spread {
  double mean = 0, least = 0, largest = 0;
  int known = 0;  // numbers
  int count = 0;  // finite ones
};
Spread spread_of(const std::vector<double>& values);
Spread spread_of(const Condition& condition, const RunValue& value);

}  // namespace ebb
