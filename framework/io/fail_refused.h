/// \file
/// Errors of files that the system refused: whether the file is to blame, or the machine.
#pragma once

#include <cerrno>
#include <string_view>

#include "framework/io/descriptor.h"
#include "framework/tensor/machine_error.h"

namespace ebb {

/// Whether an error of errno tells of the file that was asked for: that it is not there, may not be read, is something
/// else. Others tell of the machine.
constexpr bool is_of_the_file(int error) {
  constexpr int of_files[] = {ENOENT, ENOTDIR, EISDIR, EACCES, EPERM, ELOOP, ENAMETOOLONG, EINVAL, ENXIO, ENODEV};
  for (const int each : of_files)
    if (error == each) return true;
  return false;
}

/// Fails as fail() does for a call that was refused. \param action what was tried; see refusal().
/// \throws Error, a MachineError where the file is not to blame.
[[noreturn]] inline void fail_refused(std::string_view file, int error, std::string_view action,
                                      std::string_view wanted, std::string_view remedy = {}) {
  if (is_of_the_file(error)) fail(file, refusal(error, action), wanted, remedy);
  throw MachineError(file, refusal(error, action), wanted,
                     error == EMFILE || error == ENFILE ? "end other programs, or allow more open files: ulimit -n"
                     : error == EIO                     ? "its disk, or the network to it, does not work"
                                                        : remedy);
}

}  // namespace ebb
