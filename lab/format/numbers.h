// Numbers as people read them; whole ones in groups of digits: grouped() of text.h. What is not finite is called so.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "framework/tensor/text.h"

namespace ebb {

// "1:23:45" or "2:05": hours only where there are any.
std::string clock_text(double seconds);

// The nearest whole number, in groups of digits: whole(61705.8) is "61,706".
std::string whole(double value);

// The number with `digits` digits behind the point: decimal(2.5, 2) is "2.50". `otherwise` when it is not finite.
std::string decimal(double value, int digits, const char* otherwise = "not finite");

// A share as percentage: percent(0.98765) is "98.77 %". `otherwise` when it is not finite.
std::string percent(double share, int digits = 2, const char* otherwise = "not finite");

// The number with `digits` significant digits and no zeros behind them: "0.0005", "4,812", "1.235e-7". From a
// ten-thousandth to a million it is written out, beyond that as a power of ten.
std::string significant(double value, int digits = 4);

// The number in a text with at most six significant digits; what has no more, and what is no number, stays as it is.
std::string shortened(const std::string& number);

// The number that a text is, all of it; nothing where it is none.
std::optional<double> number_in(std::string_view text);

}  // namespace ebb
