// The style sheet of all pages: private to the reports.
#pragma once

#include <string_view>

namespace ebb::html {

// Light and dark by the reader's setting, for wide and narrow screens and for paper. --c0 to --c7 are the colours of
// curves; colours differ also for colour-blind readers (after Okabe and Ito 2008).
extern const char* const style_sheet;

// The part of it that gives the colours their values.
std::string_view colours();

}  // namespace ebb::html
