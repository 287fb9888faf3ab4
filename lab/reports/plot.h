/// \file
/// Plots as SVG, drawn by gnuplot.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "lab/reports/axis.h"

namespace ebb {

/// A curve of a plot.
struct Curve {
  std::string title;                              ///< In the legend; empty: none.
  std::vector<std::pair<double, double>> points;  ///< Where y is not finite, the curve is broken.
  std::vector<std::array<double, 3>> band = {};   ///< x, lowest, highest: a pale area behind a line, bars of dots.
  bool faint = false;                             ///< Thin and pale: raw values behind their mean.
  bool dashed = false;                            ///< Dashed.
  bool dots = false;                              ///< Points without lines between them.
  std::string colour = "var(--c0)";               ///< In CSS; curves of one colour belong together.
};

/// Whether the curve's band is drawn as bars: that of dots which are few enough to have room.
bool has_bars(const Curve& curve);

/// Curves over one axis.
struct Plot {
  std::string title;                      ///< Above it.
  std::string unit;                       ///< What the numbers of the vertical axis are.
  std::string x = "epoch";                ///< Name of the horizontal axis.
  std::vector<Curve> curves;              ///< At least one with a point, or the plot is empty.
  std::vector<std::string> x_names = {};  ///< Where x is 0, 1, ... and these are what it stands for.
  AxisOptions x_axis = {.whole = true};   ///< The horizontal axis.
  AxisOptions y_axis = {};                ///< The vertical axis.
  std::string note = {};                  ///< What dots, bars and areas are, in sentences below it.
};

/// A plot as it stands in a page.
struct Drawing {
  std::string svg;     ///< An SVG element, which is as wide as its surroundings; empty when there is nothing to draw.
  std::string note;    ///< A sentence where the picture does not show all: a cut axis, numbers that are not finite.
  bool log_x = false;  ///< Whether the horizontal axis became logarithmic.
  bool log_y = false;  ///< Whether the vertical one did.
};

/// The name of an axis or of its unit, and whether it is logarithmic, where that has to be said.
std::string axis_words(const std::string& name, bool log);

/// Whether gnuplot can be run.
bool can_plot();

/// Draws. gnuplot is given places, colours and the labels of tics, and no other text of the plot: title, unit, legend
/// and the name of the axis stand in the page around the picture. Dots of each colour have a shape of their own, and
/// lines that would otherwise differ in colour alone bear such marks.
/// \param colours of a legend that several plots share, in its order; empty: the plot's own.
Drawing draw(const Plot& plot, const std::vector<std::string>& colours = {});

}  // namespace ebb
