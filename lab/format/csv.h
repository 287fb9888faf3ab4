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

// A field of a text that others chose, as a name: where a spreadsheet would take it for a formula (it begins with = + -
// @, tab or a line's end, and is no number), an apostrophe stands in front.
std::string csv_text(std::string_view text);

// Numbers read back to the same bits; what is not finite is an empty field.
std::string csv_field(double number);

// The fields with commas between them, and the line's end.
std::string csv_line(const std::vector<std::string>& fields);

}  // namespace ebb
