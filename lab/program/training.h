// What `ebb train` and `ebb resume` have in common: private to the program.
#pragma once

#include <cstdint>
#include <string>

#include "lab/program/company.h"
#include "lab/runs/run_directory.h"
#include "lab/setup/session.h"

namespace ebb {

// A file that gets what the first steps of a training spend their time on.
struct TraceFile {
  std::string path = {};    // Empty: none.
  std::int64_t steps = 20;  // That stand in it in full.
  bool overwrite = false;   // Whether a file that is there is replaced.
};

// Asks, before the work, whether it can be written there; see require_destination(). \param run the run directory, no
// file of which may be it. \throws Error
void require_place(const TraceFile& trace, const std::string& run);

// Trains until done or stopped, with display, log, checkpoints and results. Returns the program's exit status.
// \param diagnostics of the training, if it is diagnosed. \param company led by this rank.
int train_in(Session& session, RunDirectory& directory, const TraceFile& trace, const Diagnostics* diagnostics,
             Company& company);

// The same of a rank that does not lead: it neither prints nor writes.
int train_along(Session& session, Company& company);

}  // namespace ebb
