/// \file
/// Numbers as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace ebb {

/// "1:23:45" or "2:05": hours only where there are any.
std::string clock_text(double seconds);

/// 12345678 as "12,345,678".
std::string grouped(std::int64_t number);

/// "0.1234": a number with so many digits behind the point; `otherwise` when it is NaN or infinite.
std::string decimal(double value, int digits, const char* otherwise = "not finite");

/// A share as a percentage with two digits, "99.25 %"; `otherwise` when it is NaN or infinite.
std::string percent(double share, const char* otherwise = "not finite");

}  // namespace ebb
