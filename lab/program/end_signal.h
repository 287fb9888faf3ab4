// Signals that end the program.
#pragma once

namespace ebb {

// From now on SIGINT, SIGTERM and SIGHUP end the process as ever, but its temporary files go with it. Those that the
// parent ignores stay ignored.
void take_temporaries_along();

// A handler that does so.
extern "C" void end_without_temporaries(int signal);

}  // namespace ebb
