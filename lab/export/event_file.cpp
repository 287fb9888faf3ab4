#include "lab/export/event_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>

#include "framework/tensor/error.h"
#include "lab/export/event_record.h"
#include "lab/runs/run_files.h"

namespace ebb::detail {
namespace {

constexpr std::string_view first_part = run_files::event_file;
constexpr std::size_t most_waiting = std::size_t{16} << 20;
constexpr std::size_t digits = 10;  // of the seconds, so that names are in the order of their numbers
constexpr std::int64_t most_seconds = 9'999'999'999;

// The seconds in the name of a file; -1 where it is none.
std::int64_t seconds_of(std::string_view name) {
  std::int64_t out = -1;
  if (!is_event_file(std::string(name))) return out;
  name.remove_prefix(first_part.size());
  std::from_chars(name.data(), name.data() + std::min(name.size(), digits), out);
  return out;
}

}  // namespace

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

bool is_event_file(const std::string& name) { return name.starts_with(first_part); }

EventFile::EventFile(const Directory& directory, std::int64_t next_step) {
  std::int64_t seconds = std::clamp<std::int64_t>(static_cast<std::int64_t>(wall_time()), 0, most_seconds);
  bool others = false;
  for (const std::string& name : directory.entries()) {
    others = others || is_event_file(name);
    seconds = std::max(seconds, std::min(most_seconds, seconds_of(name) + 1));
  }
  const std::string number = text(seconds);
  const std::string name = text(first_part, std::string(digits - std::min(digits, number.size()), '0'), number, ".ebb");
  path_ = (directory.path() / name).string();
  file_ = directory.open(name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND);
  append(event_head(wall_time()));
  if (others) append(event_restart(wall_time(), next_step));
}

void EventFile::append(const std::string& record) {
  if (waiting_.size() + record.size() > most_waiting) return;
  waiting_ += record;
  while (!waiting_.empty()) {
    const ssize_t count = retried([&] { return ::write(file_.get(), waiting_.data(), waiting_.size()); });
    if (count <= 0) {
      problem_ = text(path_, ": ", refusal(count < 0 ? errno : EIO, "writing"));
      return;
    }
    waiting_.erase(0, static_cast<std::size_t>(count));
  }
  problem_.clear();
}

}  // namespace ebb::detail
