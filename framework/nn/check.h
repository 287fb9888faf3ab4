/// \file
/// Checks that layers share.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace ebb {

/// \throws Error naming `layer` and `option` when value < least.
void require_at_least(const char* layer, const char* option, std::int64_t value, std::int64_t least);

/// \throws Error naming `layer` and `option` unless low <= value <= high (NaN fails).
void require_between(const char* layer, const char* option, double value, double low, double high);

/// "3x5": a {height, width} pair for descriptions.
std::string by(const std::array<std::int64_t, 2>& pair);

}  // namespace ebb
