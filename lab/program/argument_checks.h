// What values of options must be, as checks of CLI11: they see the text, before it is a number.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>

namespace ebb {

// What is wrong with a value; empty: nothing.
using ArgumentCheck = std::function<std::string(const std::string& given)>;

// Decimal digits alone: no sign, no 0 in front, nothing that becomes another number.
ArgumentCheck whole_number(std::uint64_t low, std::uint64_t high);

// What seeds of recipes may be.
inline ArgumentCheck a_seed() { return whole_number(0, std::numeric_limits<std::int64_t>::max()); }

// A finite number as recipes write it.
ArgumentCheck a_number();

// Every option and every argument of a command and of those below it refuses an empty text: most often it is a variable
// that was not set.
void refuse_empty_texts(CLI::App& command);

}  // namespace ebb
