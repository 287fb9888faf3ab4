/// \file
/// How many CPUs this process may use.
#pragma once

#include <string>

namespace ebb::parallel {

/// CPUs that control groups of version 2 leave to a process: the smallest quota / period, rounded up and at least 1,
/// of its group and all above it; INT_MAX without a limit.
/// \param groups the process's list of groups, as /proc/self/cgroup.
/// \param mount where the groups' folders are, as /sys/fs/cgroup.
int cgroup_cpus(const std::string& groups, const std::string& mount);

/// EBB_THREADS where it is set, else the smaller of the affinity mask and the control group's CPU quota (rounded
/// up), at least 1.
/// \throws Error when EBB_THREADS is not a number from 1 to 1024.
int default_thread_count();

}  // namespace ebb::parallel
