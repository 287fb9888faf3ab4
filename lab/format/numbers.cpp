#include "lab/format/numbers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

constexpr const char* not_finite = "not finite";

// The digits of a number in one of the forms of to_chars().
std::string digits_of(double value, std::chars_format form, int digits) {
  std::array<char, 400> out{};  // the largest double has 309 digits before the point
  const auto result = std::to_chars(out.data(), out.data() + out.size(), value, form, std::clamp(digits, 0, 60));
  return {out.data(), result.ptr};
}

void drop_zeros(std::string& number) {
  if (number.find('.') == std::string::npos) return;
  number.erase(number.find_last_not_of('0') + 1);
  if (number.ends_with('.')) number.pop_back();
}

}  // namespace

std::string clock_text(double seconds) {
  if (!std::isfinite(seconds)) return not_finite;
  const auto whole = static_cast<std::int64_t>(std::clamp(std::ceil(seconds), 0.0, 1e15));
  const auto two = [](std::int64_t n) { return text(n < 10 ? "0" : "", n); };
  const std::int64_t minutes = whole / 60;
  if (minutes < 60) return text(minutes, ':', two(whole % 60));
  return text(minutes / 60, ':', two(minutes % 60), ':', two(whole % 60));
}

std::string whole(double value) {
  constexpr double exact = 9e15;  // beyond it doubles leave out whole numbers
  if (!std::isfinite(value)) return not_finite;
  return std::abs(value) < exact ? grouped(std::llround(value)) : significant(value);
}

std::string decimal(double value, int digits, const char* otherwise) {
  return std::isfinite(value) ? digits_of(value, std::chars_format::fixed, digits) : otherwise;
}

std::string percent(double share, int digits, const char* otherwise) {
  return std::isfinite(share) ? decimal(100 * share, digits).append(" %") : otherwise;
}

std::string significant(double value, int digits) {
  if (!std::isfinite(value)) return not_finite;
  if (value == 0) return "0";
  // Rounding first: 999,999.6 has seven digits before its point.
  std::string out = digits_of(value, std::chars_format::scientific, digits - 1);
  const std::size_t mark = out.find('e');
  const int exponent = std::stoi(out.substr(mark + 1));
  if (exponent < -4 || exponent >= 6) {
    std::string mantissa = out.substr(0, mark);
    drop_zeros(mantissa);
    return text(mantissa, 'e', exponent);
  }
  out = decimal(value, std::max(0, digits - 1 - exponent));
  drop_zeros(out);
  if (exponent < 3) return out;
  const std::size_t point = std::min(out.find('.'), out.size());
  return grouped(std::stoll(out.substr(0, point))) + out.substr(point);
}

std::string shortened(const std::string& number) {
  const std::optional<double> value = number_in(number);
  const bool fraction = number.find_first_of(".e") != std::string::npos;
  return value && fraction && number.size() > 7 ? significant(*value, 6) : number;
}

std::optional<double> number_in(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

}  // namespace ebb
