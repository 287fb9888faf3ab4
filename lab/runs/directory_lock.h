// The lock of a directory that one process uses: private to runs and studies.
#pragma once

#include <string>

#include "framework/io/directory.h"

namespace ebb {

// Holds the file run_files::lock of `directory` locked as long as the result lives; a killed process leaves none. The
// descriptor is not inherited by programs that this one starts.
// \param what the directory is, for messages: "a run directory". \throws Error naming the process that uses it.
Descriptor lock_directory(const Directory& directory, const std::string& what);

}  // namespace ebb
