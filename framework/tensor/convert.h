/// \file
/// Conversion between the element types of tensors, defined for every value.
#pragma once

#include <limits>
#include <type_traits>
#include <utility>

namespace ebb {

/// `value` as an element of another type. To floats: rounded to nearest. To integers: truncated; what the type cannot
/// hold becomes its nearest number and NaN becomes 0.
template <class To, class From>
constexpr To convert(From value) {
  if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    constexpr To lowest = std::numeric_limits<To>::min();
    constexpr To highest = std::numeric_limits<To>::max();
    constexpr From beyond = From{2} * static_cast<From>(highest / 2 + 1);  // a power of two, so exact
    if (value != value) return To{0};
    if (value <= static_cast<From>(lowest)) return lowest;
    return value >= beyond ? highest : static_cast<To>(value);
  } else if constexpr (std::is_integral_v<To>) {
    if (std::cmp_less(value, std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
    if (std::cmp_greater(value, std::numeric_limits<To>::max())) return std::numeric_limits<To>::max();
    return static_cast<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace ebb
