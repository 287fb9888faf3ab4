/// \file
/// What threads did when, in the format of Chrome's trace viewer.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace ebb {

/// What is said of a span beside its name.
struct TraceNote {
  std::string_view category;    ///< "forward".
  std::string_view layer = {};  ///< Path of the layer that it belongs to; may be empty.
  std::int64_t bytes = -1;      ///< Of what it computed; -1: none.
};

/// Spans of several threads, each on a track of its own, on which they nest. Any thread may add to it at any time.
class TraceEvents {
 public:
  using Time = std::chrono::steady_clock::time_point;  ///< Of an event.

  /// \param most events that are kept; spans that begin beyond that are counted and left out.
  explicit TraceEvents(std::size_t most = 400'000);

  /// A span begins on the track of this thread, not before the last event of that track.
  /// \param track name for the track, where this is its first span.
  void begin(std::string_view name, const TraceNote& note, Time at, std::string_view track = "training");

  /// The innermost span of this thread ends.
  void end(Time at);

  /// Everything as JSON: pairs of events "B" and "E" in microseconds; spans that are still open end with the last
  /// event of their track. Viewers: chrome://tracing, https://ui.perfetto.dev.
  std::string json() const;

 private:
  struct Event {
    bool begins;
    std::size_t track;
    Time at;
    std::string name, category, layer;
    std::int64_t bytes;
  };
  struct Track {
    std::string name;
    std::size_t open = 0, left_out = 0;  // spans that have not ended
    Time last;
  };
  std::size_t track_of_this_thread(std::string_view name);

  mutable std::mutex mutex_;
  std::size_t most_;
  Time start_;
  std::size_t left_out_ = 0;
  std::vector<Event> events_;
  std::vector<Track> tracks_;
  std::map<std::thread::id, std::size_t> track_of_;
};

}  // namespace ebb
