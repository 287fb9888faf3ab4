/// \file
/// A bound for tensors whose sizes a file says.
#pragma once

#include <cstdint>
#include <string>

#include "framework/tensor/memory.h"

namespace ebb::memory {

/// While one lives, a tensor of more than `most` bytes that its thread asks for is an Error before there is memory for
/// it. For what is built by the words of a file: a network whose weights cannot be those of the file is refused at
/// once, where making it would take long. Bounds may stand within each other, and end in the thread that they began in.
class Bound {
 public:
  /// \param wanted what the message says of it: "at most four times the file's largest tensor".
  Bound(std::uint64_t most, std::string wanted);
  ~Bound();
  Bound(const Bound&) = delete;
  Bound& operator=(const Bound&) = delete;

 private:
  std::string wanted_;
  std::uint64_t most_before_;
  const std::string* wanted_before_;
};

}  // namespace ebb::memory
