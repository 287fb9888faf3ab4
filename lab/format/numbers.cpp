#include "lab/format/numbers.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

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

std::string decimal(double value, int digits, const char* otherwise) {
  if (!std::isfinite(value)) return otherwise;
  std::string out(static_cast<std::size_t>(std::snprintf(nullptr, 0, "%.*f", digits, value)), ' ');
  std::snprintf(out.data(), out.size() + 1, "%.*f", digits, value);
  return out;
}

std::string percent(double share, const char* otherwise) {
  return std::isfinite(share) ? decimal(100 * share, 2) + " %" : otherwise;
}

}  // namespace ebb
