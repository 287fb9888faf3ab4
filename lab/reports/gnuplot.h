// gnuplot as a process: private to the plots.
#pragma once

#include <string>
#include <string_view>

namespace ebb::gnuplot {

// Whether it can be run.
bool is_there();

// What it writes when it is given `commands`; empty when it cannot be run, fails, or takes longer than a minute.
std::string output_of(const std::string& commands);

// Text as a literal of gnuplot's: between single quotes, where nothing is a command, a macro or an escape. Quotes in it
// become typographic ones: gnuplot 5.4 takes a doubled quote that begins a text for the text's end.
std::string literal(std::string_view text);

}  // namespace ebb::gnuplot
