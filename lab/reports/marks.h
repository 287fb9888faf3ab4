// What tells the curves of a plot apart where colours are not seen: private to the plots and their legends.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "lab/reports/plot.h"

namespace ebb::marks {

// The colours of a plot's curves, each once, in their order. A curve bears the mark whose number is the place of its
// colour there, or in the list of a legend that several plots share.
std::vector<std::string> colours_of(const Plot& plot);

// The number of the mark of a colour; of a colour that is not in the list the first.
std::size_t number_of(const std::string& colour, const std::vector<std::string>& colours);

// gnuplot's number of the shape.
int point_type(std::size_t number);

// Whether the shape is an outline.
bool is_open(std::size_t number);

// Whether marks stand on the curve's line: where another line, solid or dashed as it is, has another colour, and no
// dots of its own colour show which it is.
bool on_line(const Plot& plot, const Curve& curve);

// A few points of a line of `number`, apart from those of the others.
std::vector<std::pair<double, double>> places_on(const std::vector<std::pair<double, double>>& line, std::size_t number,
                                                 std::size_t count, bool dashed);

// How a curve looks, for legends.
struct Look {
  std::string colour;  // in CSS
  std::size_t mark = 0;
  bool dots = false;    // marks without a line
  bool dashed = false;  // the line
  bool faint = false;   // the line is thin
  bool marked = false;  // marks on the line
};

// Of a curve in its plot.
Look look_of(const Plot& plot, const Curve& curve, const std::vector<std::string>& colours);

// SVG elements, 20 wide, of a sample of it. \param left, middle where it begins, and its height.
std::string sample(const Look& look, int left, int middle);

}  // namespace ebb::marks
