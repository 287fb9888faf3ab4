// Pieces of HTML: private to the reports.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lab/format/escape.h"

namespace ebb::html {

// A table that scrolls where it is wider than the page; the cells are HTML. The first column stays in sight and is set
// to the left, the others to the right.
// \param kind a class of the style sheet for all of it.
std::string table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows,
                  std::string_view kind = {});

// A part of a page under a heading. Without content it is left out.
struct Section {
  std::string title;
  std::string content;  // HTML
};

// A complete page: a heading, a line and more under it in HTML, the sections. It has the style of all reports, needs no
// script and fetches nothing.
std::string page(std::string_view title, std::string_view line, std::string_view head,
                 const std::vector<Section>& sections);

// What can be opened and closed.
std::string details(std::string_view title, std::string_view content, bool open = false);

}  // namespace ebb::html
