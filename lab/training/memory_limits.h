/// \file
/// How much memory the process may still use.
#pragma once

#include <cstdint>
#include <exception>

namespace ebb {

/// Bytes that this process may still use: the least of what the machine has free (MemAvailable), what its control
/// groups leave (files that they keep in memory do not count), and the limits of its address space and of its data
/// (`ulimit -v` and `ulimit -d`).
std::int64_t available_memory();

/// Whether an error says that there was no memory left.
bool out_of_memory(const std::exception& error);

}  // namespace ebb
