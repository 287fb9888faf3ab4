/// \file
/// Texts from files and command lines as they are shown to people.
#pragma once

#include <string>
#include <string_view>

namespace ebb {

/// The text with everything that is no letter on a screen made visible: control characters but newline and tab, marks
/// that turn the direction of writing, and bytes that are no UTF-8 stand as "\x1b". A terminal takes what comes out as
/// text, and it is valid UTF-8.
std::string printable(std::string_view text);

/// As above, on one line: newlines and tabs become spaces.
std::string printable_line(std::string_view text);

/// The beginning of the text, at most about 80 bytes, printable and between quotes: how messages show what they refuse.
std::string in_quotes(std::string_view text);

/// Whether `text` is printable as it is, and one line: what TOML, JSON, HTML and terminals all take.
bool is_line(std::string_view text);

}  // namespace ebb
