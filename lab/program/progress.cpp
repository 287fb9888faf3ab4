#include "lab/program/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>

#include "framework/tensor/error.h"
#include "lab/format/numbers.h"

namespace ebb {
namespace {

constexpr auto interval = std::chrono::milliseconds(100);

int columns() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

void write_line(const std::string& line) {
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace

std::string progress_line(const std::string& label, std::int64_t done, std::int64_t total, const std::string& unit,
                          double rate, const std::string& note, int width) {
  const double share = total > 0 ? std::min(1.0, static_cast<double>(done) / static_cast<double>(total)) : 1.0;
  const double left = rate > 0 ? static_cast<double>(total - done) / rate : 0.0;
  const std::string head = label + " [";
  const std::string tail = text("] ", static_cast<int>(share * 100), "%  ", grouped(std::llround(rate)), ' ', unit,
                                "/s  ", clock_text(left), " left", note.empty() ? "" : "  ", note);
  const int space = width - 1 - static_cast<int>(head.size() + tail.size());
  const int bar = std::clamp(space, 5, 30);
  const int filled = static_cast<int>(share * bar);
  std::string line = head + std::string(static_cast<std::size_t>(filled), '=') +
                     std::string(static_cast<std::size_t>(bar - filled), ' ') + tail;
  if (static_cast<int>(line.size()) >= width) line.resize(static_cast<std::size_t>(std::max(1, width - 1)));
  return line;
}

std::function<void(std::int64_t done, std::int64_t total)> reading_progress() {
  return [line = std::shared_ptr<Progress>()](std::int64_t done, std::int64_t total) mutable {
    if (!line) line = std::make_shared<Progress>("read", total, "pictures");
    line->update(done, {});
  };
}

Progress::Progress(std::string label, std::int64_t total, std::string unit, std::int64_t begun)
    : label_(std::move(label)),
      total_(total),
      unit_(std::move(unit)),
      begun_(begun),
      visible_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (visible_) write_line("\r\x1b[K");
}

bool Progress::due() const { return visible_ && Clock::now() - drawn_ >= interval; }

void Progress::update(std::int64_t done, const std::string& note) {
  if (!due()) return;
  drawn_ = Clock::now();
  const double seconds = std::chrono::duration<double>(drawn_ - start_).count();
  const double rate = seconds > 0 ? static_cast<double>(done - begun_) / seconds : 0.0;
  write_line(text('\r', progress_line(label_, done, total_, unit_, rate, note, columns()), "\x1b[K"));
}

}  // namespace ebb
