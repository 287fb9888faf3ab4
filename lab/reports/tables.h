/// \file
/// Runs as tables for spreadsheets and other programs.
#pragma once

#include <string>
#include <vector>

#include "lab/reports/report.h"

namespace ebb {

/// A table in a file (RFC 4180): a line of names, then the rows.
struct RunTable {
  std::string file;  ///< Its name: "steps.csv".
  std::string csv;   ///< Its contents.
};

/// What runs say in numbers, all runs in each table, told apart by the column "run":
///
///     steps.csv      the steps that were measured: loss, lr, and of each group lr, lambda, shrink and norms
///     epochs.csv     the curves
///     classes.csv    of the final weights on the test data: samples, recall, precision of each class
///     confusion.csv  likewise: how many samples of a class were taken for another one, where there are any
///
/// Numbers read back to the same bits. Fields are empty where a run has none, and where a number is not finite; tables
/// of which no run has anything consist of their first line.
std::vector<RunTable> run_tables(const std::vector<RunData>& runs);

}  // namespace ebb
