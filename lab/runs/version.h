/// \file
/// The version of the program.
#pragma once

#include <string>

namespace ebb {

/// The project's version, e.g. "0.1.0".
std::string version();

/// The compiler that built the library, e.g. "GCC 12.2.0".
std::string compiler();

}  // namespace ebb
