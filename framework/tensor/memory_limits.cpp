#include "framework/tensor/memory_limits.h"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>
#include <new>
#include <string_view>

#include "framework/tensor/error.h"
#include "framework/tensor/machine_error.h"

namespace ebb {
namespace {

constexpr std::int64_t unlimited = std::numeric_limits<std::int64_t>::max();

std::atomic<std::int64_t> pretended = unlimited;

// The number after `key` in a file of lines "key value", or the only number of a file when the key is empty.
std::int64_t number_in(const std::filesystem::path& path, const std::string& key) {
  std::ifstream file(path);
  std::string word;
  if (!key.empty())
    while (file >> word && word != key) continue;
  std::int64_t value = 0;
  return file >> value ? value : unlimited;
}

// What a limit leaves when so much is used.
std::int64_t left(std::int64_t limit, std::int64_t used) {
  return limit == unlimited || used == unlimited ? unlimited : std::max<std::int64_t>(0, limit - used);
}

// What one control group leaves. It can drop files that have not been read lately.
std::int64_t left_by_group(const std::filesystem::path& group, bool version_1) {
  const std::int64_t limit = number_in(group / (version_1 ? "memory.limit_in_bytes" : "memory.max"), "");
  const std::int64_t used = number_in(group / (version_1 ? "memory.usage_in_bytes" : "memory.current"), "");
  const std::int64_t files = number_in(group / "memory.stat", version_1 ? "total_inactive_file" : "inactive_file");
  return left(limit, files == unlimited || used == unlimited ? used : std::max<std::int64_t>(0, used - files));
}

}  // namespace

std::int64_t detail::left_by_groups(const std::string& groups, const std::string& mount) {
  std::int64_t least = unlimited;
  std::ifstream file(groups);
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool version_1 = controllers == "memory";
    if (!version_1 && !controllers.empty()) continue;
    const std::filesystem::path root = version_1 ? mount + "/memory" : mount;
    for (std::filesystem::path group = line.substr(second + 1);; group = group.parent_path()) {
      least = std::min(least, left_by_group(root / group.relative_path(), version_1));
      if (group.empty() || group == group.parent_path()) break;
    }
  }
  return least;
}

namespace {

// What a limit of the process leaves; `used` is the line of /proc/self/status that it counts, in KiB.
std::int64_t left_of(decltype(RLIMIT_AS) resource, const char* used) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return unlimited;
  const std::int64_t kib = number_in("/proc/self/status", used);
  return left(static_cast<std::int64_t>(limit.rlim_cur), kib == unlimited ? 0 : kib * 1024);
}

}  // namespace

std::int64_t available_memory() {
  const std::int64_t free = number_in("/proc/meminfo", "MemAvailable:");
  return std::min({pretended.load(), free == unlimited ? unlimited : free * 1024,
                   detail::left_by_groups("/proc/self/cgroup", "/sys/fs/cgroup"), left_of(RLIMIT_AS, "VmSize:"),
                   left_of(RLIMIT_DATA, "VmData:")});
}

void require_available(const std::string& where, const std::string& what, std::int64_t bytes) {
  constexpr std::int64_t little = std::int64_t{1} << 20;
  if (bytes <= little) return;
  if (const std::int64_t available = available_memory(); bytes > available)
    throw MachineError(
        where, text("no memory for ", what, " of ", bytes_text(bytes), ", with ", bytes_text(available), " available"),
        "what fits", "use less of it, or a machine or limits with more memory");
}

void detail::pretend_available(std::optional<std::int64_t> bytes) { pretended = bytes.value_or(unlimited); }

std::string bytes_text(std::int64_t bytes) {
  constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
  std::array<char, 32> out{};
  std::snprintf(out.data(), out.size(), unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return out.data();
}

bool out_of_memory(const std::exception& error) {
  return dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
         std::string_view(error.what()).find("got no memory for ") != std::string_view::npos;
}

}  // namespace ebb
