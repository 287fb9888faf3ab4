/// \file
/// Errors that the machine is to blame for.
#pragma once

#include "framework/tensor/error.h"

namespace ebb {

/// An Error that says nothing of what was asked for: the machine has no memory or no descriptors left, or cannot read
/// its disk. Who goes over many files and leaves out the bad ones ends with it.
class MachineError : public Error {
 public:
  using Error::Error;
};

}  // namespace ebb
