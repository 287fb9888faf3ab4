#include "lab/study/number_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace ebb {

std::string exact_text(double value) {
  if (std::isnan(value)) return "nan";
  std::array<char, 40> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::general, 17);
  return {digits.data(), end.ptr};
}

double mean_or_nan(std::span<const double> values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return values.empty() ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(values.size());
}

}  // namespace ebb
