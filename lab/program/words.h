// What a command line that is not understood may have meant.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace ebb {

struct Recipe;

// A sentence for a wrong or missing command, or for a wrong option of a command, among the arguments; empty where all
// are known. \param recipe one that says nothing.
std::string meant_by(const CLI::App& program, int argc, const char* const* argv, const Recipe& recipe);

}  // namespace ebb
