// Numbers of a text, and the range that they may have.
#pragma once

#include <algorithm>
#include <charconv>
#include <concepts>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"

namespace ebb::detail {

// From low to high; without low itself when `above`, without high when `below`.
template <class Number>
struct Range {
  Number low;
  Number high = std::numeric_limits<Number>::max();
  bool above = false;
  bool below = false;

  bool has(Number x) const { return (above ? x > low : x >= low) && (below ? x < high : x <= high); }

  // "a whole number of at least 1", "a number from 0 to below 1". Bounds that no file reaches are none.
  std::string text() const {
    const std::string_view kind = std::integral<Number> ? "a whole number" : "a number";
    if (static_cast<double>(high) > 1e15) return ebb::text(kind, above ? " above " : " of at least ", readable(low));
    return ebb::text(kind, above ? " above " : " from ", readable(low), above ? " and " : " to ",
                     below   ? "below "
                     : above ? "at most "
                             : "",
                     readable(high));
  }

 private:
  // "1 million" in place of 1000000 and 1e+06.
  static std::string readable(Number x) {
    constexpr Number million = 1'000'000;
    const Number millions = x / million;
    return x >= million && millions * million == x ? ebb::text(millions, " million") : ebb::text(x);
  }
};

constexpr Range<double> positive{.low = 0, .above = true};
constexpr Range<double> below_one{.low = 0, .high = 1, .below = true};

// A value as a recipe file writes it: numbers, true and false bare, anything else in quotes.
inline std::string as_written(std::string_view value) {
  double number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool bare = error == std::errc() && end == value.data() + value.size();
  return bare || value == "true" || value == "false" ? std::string(value) : in_quotes(value);
}

// \throws Error naming `where` and the value unless it is one number in the range.
template <class Number>
Number parse_number(std::string_view value, std::string_view where, const Range<Number>& range) {
  Number number{};
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || !range.has(number))
    fail(where, as_written(value), range.text());
  return number;
}

// Numbers with commas between them; one behind the last is no harm.
// \throws Error as above, and for more than `most`.
template <class Number>
std::vector<Number> parse_list(std::string_view value, std::string_view where, const Range<Number>& range,
                               std::size_t most) {
  std::vector<Number> list;
  while (!value.empty()) {
    const std::size_t comma = std::min(value.find(','), value.size());
    std::string_view one = value.substr(0, comma);
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    if (list.size() == most) fail(where, "more numbers", text("a list of at most ", most, " numbers"));
    list.push_back(parse_number(one, where, range));
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
  return list;
}

}  // namespace ebb::detail
