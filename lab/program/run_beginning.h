// What a run directory says of its beginning: private to the program.
#pragma once

#include <string>

#include "lab/runs/environment.h"
#include "lab/runs/run_directory.h"
#include "lab/setup/session.h"

namespace ebb {

// The program that runs, for environment.json.
RunProgram this_program(const Recipe& recipe);

// When and how a session's run is saved.
SaveOptions save_options(const Session& session);

// The text of environment.json.
std::string environment_of(const Session& session);

// What decay meets in the network; what is wrong with it is said on standard output.
std::string audit_of(Session& session);

// The text of skipped.txt; empty where no picture was left out.
std::string skipped_pictures(const Session& session);

}  // namespace ebb
