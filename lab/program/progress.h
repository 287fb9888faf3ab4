// The progress line of long work.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace ebb {

// One line on standard error that is drawn over and over: bar, share, rate, time left. Silent when standard error
// is not a terminal. Drawn at most ten times a second.
class Progress {
 public:
  // \param label what runs, e.g. "epoch 3/10".
  // \param total items in all, for share and time left.
  // \param unit name of the items for the rate, e.g. "images".
  // \param begun items that were finished before, and do not count for the rate.
  Progress(std::string label, std::int64_t total, std::string unit, std::int64_t begun = 0);
  ~Progress();  // Wipes the line.
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done` items are finished; `note` is shown at the end, e.g. "loss 0.312".
  void update(std::int64_t done, const std::string& note);

  // True when the next update() would be drawn; spares building a note that nobody sees.
  bool due() const;

 private:
  using Clock = std::chrono::steady_clock;
  std::string label_;
  std::int64_t total_;
  std::string unit_;
  std::int64_t begun_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point drawn_{};
  bool visible_;
};

// A progress line of pictures that are read: "read [=====     ] 50%  1,200 pictures/s". Begun with the first call,
// wiped with the last copy.
std::function<void(std::int64_t done, std::int64_t total)> reading_progress();

// The line's text in `width` columns, as update() draws it; for tests.
// \param rate items in a second.
std::string progress_line(const std::string& label, std::int64_t done, std::int64_t total, const std::string& unit,
                          double rate, const std::string& note, int width);

}  // namespace ebb
