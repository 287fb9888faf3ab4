// What `ebb train` and `ebb resume` have in common: private to the program.
#pragma once

#include <functional>

#include "lab/runs/run_directory.h"
#include "lab/setup/session.h"

namespace ebb {

// Trains until done or stopped, with display, log, checkpoints and results. Returns the program's exit status.
// \param trained is called when the training is done or was stopped, before its results are written.
int train_in(Session& session, RunDirectory& directory, const std::function<void()>& trained = {});

}  // namespace ebb
