/// \file
/// The axes of plots.
#pragma once

#include <limits>
#include <string>
#include <vector>

namespace ebb {

/// What an axis is to be like.
struct AxisOptions {
  /// How numbers are placed.
  enum class Scale : unsigned char {
    linear,     ///< Evenly.
    log,        ///< By their logarithms; numbers that are not positive have no place.
    automatic,  ///< `log` where all numbers are positive and the largest is more than thirty times the least.
  };
  Scale scale = Scale::linear;  ///< How numbers are placed.
  bool whole = false;           ///< Tics at whole numbers only: epochs, steps.
  bool from_zero = false;       ///< Begins at 0 unless that would leave most of the axis empty.
  /// Does not go beyond, as percentages do not beyond 100.
  double most = std::numeric_limits<double>::infinity();
  /// Whether the first tenth of each curve may lie outside where it would press the rest flat.
  bool settled = false;
  /// The numbers to mark, such as the levels of a factor; empty: round ones.
  std::vector<double> marked = {};
};

/// A mark on an axis.
struct Tic {
  double place = 0;   ///< 0 to 1.
  std::string label;  ///< The number.
};

/// Where numbers stand on a line from 0 to 1.
struct Axis {
  double low = 0;         ///< The number at 0.
  double high = 1;        ///< The number at 1.
  bool log = false;       ///< Whether logarithms are placed evenly.
  std::vector<Tic> tics;  ///< Marks; none where no number has a place.
  bool cut = false;       ///< Whether some numbers lie outside.
  double least = 0;       ///< The smallest of all numbers.
  double largest = 0;     ///< The largest of all numbers.

  /// The place of `value`: below 0 and above 1 outside, NaN for what has none.
  double place(double value) const;
};

/// An axis for places 0, 1, ... that have names; of more than seven, some are written.
Axis axis_of(const std::vector<std::string>& names);

/// The axis on which the numbers of all curves can be read. What is not finite is left out.
Axis axis_of(const std::vector<std::vector<double>>& curves, const AxisOptions& options);

}  // namespace ebb
