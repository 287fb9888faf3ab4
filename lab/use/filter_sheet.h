// Filters as a picture.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lab/use/filters.h"

namespace ebb {

// Filters of one network, with what is written above them; nothing where that is empty.
struct LabelledFilters {
  std::string label;
  Filters filters;
};

// The filters, the first 1,024 of each, side by side in blocks: 0 is grey, the largest absolute weight of all blocks
// white or black, and of weights for three channels each has its colour. Weights for other numbers of channels are
// shown as their mean over channels, weights that are not finite white. Under each filter stands its norm.
// \param banks at least one. \returns u8 `[height, width, 1 or 3]`.
Tensor filter_sheet(std::span<const LabelledFilters> banks);

// A number of at least 0 in few letters: "12", "1.2", "0.83", "0.04", "4E-3", "INF", "NAN".
std::string short_number(double value);

}  // namespace ebb
