#include "framework/parallel/cpus.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <climits>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

#include "framework/tensor/error.h"

namespace ebb::parallel {
namespace {

int affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

int cgroup_cpus(const std::string& groups, const std::string& mount) {
  std::ifstream list(groups);
  std::string line;
  std::string path;
  while (std::getline(list, line)) {
    if (line.starts_with("0::/")) path = line.substr(3);
  }
  int smallest = INT_MAX;
  for (;;) {
    // "max 100000" or "quota period" in microseconds.
    std::ifstream file(mount + path + "/cpu.max");
    double quota = 0;
    double period = 0;
    if (file >> quota >> period && quota > 0 && period > 0 && quota / period < INT_MAX)
      smallest = std::min(smallest, std::max(1, static_cast<int>(std::ceil(quota / period))));
    if (path.empty()) return smallest;
    path.resize(path.find_last_of('/'));
  }
}

int default_thread_count() {
  if (const char* const setting = std::getenv("EBB_THREADS"); setting != nullptr && *setting != '\0') {
    const std::string_view wanted(setting);
    int count = 0;
    const auto parsed = std::from_chars(wanted.data(), wanted.data() + wanted.size(), count);
    if (parsed.ec != std::errc() || parsed.ptr != wanted.data() + wanted.size() || count < 1 || count > 1024)
      fail("EBB_THREADS", text("\"", wanted, "\""), "a number from 1 to 1024", "correct or unset the variable");
    return count;
  }
  return std::max(1, std::min(affinity(), cgroup_cpus("/proc/self/cgroup", "/sys/fs/cgroup")));
}

}  // namespace ebb::parallel
