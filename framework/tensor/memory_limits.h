/// \file
/// How much memory the process may still use.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>

namespace ebb {

/// Bytes that this process may still use: the least of what the machine has free (MemAvailable), what its control
/// groups leave (files that they keep in memory do not count), and the limits of its address space and of its data
/// (`ulimit -v` and `ulimit -d`).
std::int64_t available_memory();

/// \throws Error "no memory for WHAT of N MiB, with M MiB available" naming `where`, unless `bytes` are available. Up
/// to 1 MiB it does not look.
void require_available(const std::string& where, const std::string& what, std::int64_t bytes);

/// Bytes in the unit that suits them: "1.5 GiB".
std::string bytes_text(std::int64_t bytes);

/// Whether an error says that there was no memory left.
bool out_of_memory(const std::exception& error);

namespace detail {

/// Bytes that the memory limits of the process's control groups leave, from its own group up to the root; the largest
/// number where none limits it. \param groups a file in the format of /proc/self/cgroup. \param mount the folder under
/// which the groups lie, those of version 1 in its folder `memory`.
std::int64_t left_by_groups(const std::string& groups, const std::string& mount);

/// available_memory() says at most so many bytes from now on: for tests. Nothing: it says what is so.
void pretend_available(std::optional<std::int64_t> bytes);

}  // namespace detail
}  // namespace ebb
