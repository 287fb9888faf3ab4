/// \file
/// How many CPUs this process may use.
#pragma once

namespace ebb::parallel {

/// EBB_THREADS where it is set, else the smaller of the affinity mask and the control group's CPU quota (rounded
/// up), at least 1.
/// \throws Error when EBB_THREADS is not a number from 1 to 1024.
int default_thread_count();

}  // namespace ebb::parallel
