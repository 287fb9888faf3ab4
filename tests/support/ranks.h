/// \file
/// Ranks of a training as threads of one process.
#pragma once

#include <functional>
#include <string>

#include "framework/parallel/communicator.h"
#include "framework/tensor/error.h"

namespace ebb::test {

/// Runs `body` as each of so many ranks at the same time, each in a thread of its own. Where ranks make different
/// calls, or one of them ends while others wait for it, those fail and name it; the first error is thrown here.
void run_ranks(int ranks, const std::function<void(parallel::Communicator&)>& body);

/// A check in the body of a rank, where those of Boost.Test, which is for one thread, cannot be.
inline void require(bool right, const std::string& what) {
  if (!right) fail("rank", "false: " + what, "true");
}

}  // namespace ebb::test
