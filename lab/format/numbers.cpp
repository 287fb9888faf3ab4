#include "lab/format/numbers.h"

#include <algorithm>
#include <cmath>

#include "framework/tensor/error.h"

namespace ebb {

std::string clock_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::max(0.0, std::ceil(seconds)));
  const auto two = [](std::int64_t n) { return text(n < 10 ? "0" : "", n); };
  const std::int64_t minutes = whole / 60;
  if (minutes < 60) return text(minutes, ':', two(whole % 60));
  return text(minutes / 60, ':', two(minutes % 60), ':', two(whole % 60));
}

std::string grouped(std::int64_t number) {
  const std::string digits = text(number < 0 ? -number : number);
  std::string out = number < 0 ? "-" : "";
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

}  // namespace ebb
