// Tables as RFC 4180 has them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ebb {

// A field in quotes.
std::string csv_quoted(std::string_view field);

// A field, in quotes where it needs them.
std::string csv_field(std::string_view field);

// Numbers read back to the same bits; what is not finite is an empty field.
std::string csv_field(double number);

// The fields with commas between them, and the line's end.
std::string csv_line(const std::vector<std::string>& fields);

}  // namespace ebb
