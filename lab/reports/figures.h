// Plots in a page: private to the reports.
#pragma once

#include <string>
#include <vector>

#include "lab/reports/plot.h"

namespace ebb::html {

// A line of a legend.
struct LegendEntry {
  std::string label;
  std::string detail;  // small, below it; may be empty
  std::string colour;  // in CSS
};

// The colour of curve `number` of `count`, in CSS: of the palette where that has enough of them, else of a row of
// colours from red over green to violet.
std::string series_colour(std::size_t number, std::size_t count);

// The plots side by side, each with its legend. Without gnuplot: tables of at most 50 rows.
std::string figures(const std::vector<Plot>& plots);

// The plots side by side and one legend for all of them beside.
std::string panel(const std::vector<LegendEntry>& legend, const std::vector<Plot>& plots);

// What a page says where gnuplot is missing; empty where it is there.
std::string plot_warning();

}  // namespace ebb::html
