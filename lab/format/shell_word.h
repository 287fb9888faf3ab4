/// \file
/// Words of command lines that people are told to type.
#pragma once

#include <string>
#include <string_view>

namespace ebb {

/// The text as one word of a shell's command line: as it is where that is one, else in single quotes. Texts that are no
/// line of UTF-8 have no such word that can be shown; they stand as printable_line() shows them.
std::string shell_word(std::string_view text);

}  // namespace ebb
