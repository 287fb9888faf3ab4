/// \file
/// What a backend of the parallel loops provides: private to framework/parallel.
#pragma once

#include "framework/parallel/team.h"

namespace ebb::parallel::detail {

/// Makes one of `threads` - 1 threads call `team.attend(place)` soon. Called by one thread at a time; the team outlives
/// the process's threads.
void invite(int threads, Team& team, int place);

/// The backend's name.
const char* backend_name();

}  // namespace ebb::parallel::detail
