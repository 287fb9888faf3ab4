/// \file
/// What a backend of the parallel loops provides: private to framework/parallel.
#pragma once

#include <cstdint>

#include "framework/parallel/parallel.h"

namespace ebb::parallel::detail {

/// Calls `run(i)` once for each i in 0 .. blocks-1 on up to `threads` threads and waits for all.
/// `run` does not throw. Called by one thread at a time.
void run_blocks(std::int64_t blocks, int threads, FunctionRef<void(std::int64_t)> run);

/// The backend's name.
const char* backend_name();

}  // namespace ebb::parallel::detail
