/// \file
/// Plots as SVG, drawn by gnuplot.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace ebb {

/// A curve of a plot.
struct Curve {
  std::string title;                              ///< In the key.
  std::vector<std::pair<double, double>> points;  ///< Where y is not finite, the curve is broken.
  bool faint = false;                             ///< Thin and pale: raw values behind their mean.
  bool dashed = false;                            ///< Dashed.
  int colour = 0;                                 ///< Number in the palette; equal numbers belong together.
};

/// Curves over one axis.
struct Plot {
  std::string title;          ///< Above it.
  std::string x = "epoch";    ///< Name of the horizontal axis.
  std::string y;              ///< Name of the vertical axis.
  std::vector<Curve> curves;  ///< At least one with a point, or the plot is empty.
  bool log_y = false;         ///< Logarithmic; numbers that are not positive are left out.
  bool from_zero = false;     ///< The vertical axis begins at 0.
  bool to_hundred = false;    ///< The vertical axis ends at 100: percentages.
};

/// Whether gnuplot can be run.
bool can_plot();

/// The plot as an SVG element to stand in a page; empty when gnuplot cannot be run or fails, or there is no point.
std::string svg(const Plot& plot);

}  // namespace ebb
