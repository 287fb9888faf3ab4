// Keys that mean something beside some words only. Private to lab/recipe.
#pragma once

#include <string>
#include <string_view>

#include "lab/recipe/names.h"

namespace ebb::detail {

// "; of one_cycle, trapezoid" for a key that some optimizers, schedules or kinds of decay read; empty for others, and
// where there are many.
std::string read_by(std::string_view key, const Extensions* own);

}  // namespace ebb::detail
