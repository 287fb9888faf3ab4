// The style sheet of all pages: private to the reports.
#pragma once

namespace ebb::html {

// Light and dark by the reader's setting, for wide and narrow screens and for paper. --c0 to --c7 are the colours of
// curves; colours differ also for colour-blind readers (after Okabe and Ito 2008).
extern const char* const style_sheet;

}  // namespace ebb::html
