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

}  // namespace ebb
