// Pieces of HTML: private to the reports.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lab/reports/plot.h"

namespace ebb::html {

// Text as it stands between tags and in attributes, quoted either way; control characters are made visible.
std::string escape(std::string_view text);

// A table; the cells are HTML. The first column is set to the left, the others to the right.
std::string table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows);

// The plots side by side. Without gnuplot: a word about that, and a table for each, of at most 50 rows.
std::string figures(const std::vector<Plot>& plots);

// A complete page with the style of all reports.
std::string page(const std::string& title, const std::string& body);

}  // namespace ebb::html
