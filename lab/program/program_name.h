// What the program is called: complaints begin with it, and hints name commands as `ebb train`, which a
// program of a user's has under its own name.
#pragma once

#include <iosfwd>
#include <string>

namespace ebb {

// Call it in main, before anything is said. The name is the file name that the program was called by.
void name_program(int argc, const char* const* argv);

// "ebb" where nobody gave one.
const std::string& program_name();

// Standard error, behind the program's name and a colon: how every complaint begins.
std::ostream& complain();

// The text with this program in the place of `ebb` in commands in backquotes.
std::string in_own_name(std::string text);

}  // namespace ebb
