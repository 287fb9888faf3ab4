// Numbers of studies as texts: private to them.
#pragma once

#include <span>
#include <string>

namespace ebb {

// The number with 17 significant digits, which read back to the same bits; "nan", "inf", "-inf".
std::string exact_text(double value);

// The mean; NaN where a value is, or where there are none.
double mean_or_nan(std::span<const double> values);

}  // namespace ebb
