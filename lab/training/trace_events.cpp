#include "lab/training/trace_events.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

using Json = nlohmann::ordered_json;

// Names of ops and paths are the program's, but need not be UTF-8.
std::string in_json(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

TraceEvents::TraceEvents(std::size_t most) : most_(most), start_(std::chrono::steady_clock::now()) {}

std::size_t TraceEvents::track_of_this_thread(std::string_view name) {
  const auto [known, fresh] = track_of_.emplace(std::this_thread::get_id(), tracks_.size());
  if (fresh) tracks_.push_back({.name = std::string(name), .last = start_});
  return known->second;
}

void TraceEvents::begin(std::string_view name, const TraceNote& note, Time at, std::string_view track) {
  const std::scoped_lock lock(mutex_);
  const std::size_t number = track_of_this_thread(track);
  Track& on = tracks_[number];
  // What is open must be able to end: a pair for each span.
  std::size_t open = 0;
  for (const Track& each : tracks_) open += each.open;
  if (on.left_out > 0 || events_.size() + open + 2 > most_) {
    ++on.left_out;
    ++left_out_;
    return;
  }
  // Ends must not fail: there is room for all of them.
  if (events_.capacity() < events_.size() + open + 2) events_.reserve(2 * events_.size() + open + 1024);
  on.last = std::max(on.last, at);
  ++on.open;
  events_.push_back(
      {true, number, on.last, std::string(name), std::string(note.category), std::string(note.layer), note.bytes});
}

void TraceEvents::end(Time at) {
  const std::scoped_lock lock(mutex_);
  const std::size_t number = track_of_this_thread("training");
  Track& on = tracks_[number];
  if (on.left_out > 0) {
    --on.left_out;
    return;
  }
  if (on.open == 0) return;
  --on.open;
  on.last = std::max(on.last, at);
  events_.push_back({false, number, on.last, {}, {}, {}, -1});
}

std::string TraceEvents::json() const {
  const std::scoped_lock lock(mutex_);
  std::string out = "{\"traceEvents\":[";
  bool first = true;
  const auto add = [&](const std::string& event) {
    out += first ? "\n" : ",\n";
    out += event;
    first = false;
  };
  const auto place = [&](std::size_t track) { return text(R"("pid":1,"tid":)", track + 1); };
  const auto time = [&](Time at) {
    const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(at - start_).count();
    std::array<char, 40> digits{};
    std::snprintf(digits.data(), digits.size(), "%lld.%03lld", static_cast<long long>(ns / 1000),
                  static_cast<long long>(ns % 1000));
    return std::string(digits.data());
  };
  for (std::size_t t = 0; t < tracks_.size(); ++t)
    add(text(R"({"name":"thread_name","ph":"M",)", place(t), R"(,"args":{"name":)", in_json(tracks_[t].name), "}}"));
  for (const Event& event : events_) {
    if (!event.begins) {
      add(text(R"({"ph":"E",)", place(event.track), ",\"ts\":", time(event.at), '}'));
      continue;
    }
    Json args = Json::object();
    if (!event.layer.empty()) args["layer"] = event.layer;
    if (event.bytes >= 0) args["bytes"] = event.bytes;
    add(text("{\"name\":", in_json(event.name), ",\"cat\":", in_json(event.category), R"(,"ph":"B",)",
             place(event.track), ",\"ts\":", time(event.at), ",\"args\":", in_json(args), '}'));
  }
  for (std::size_t t = 0; t < tracks_.size(); ++t)
    for (std::size_t i = 0; i < tracks_[t].open; ++i)
      add(text(R"({"ph":"E",)", place(t), ",\"ts\":", time(tracks_[t].last), '}'));
  return out + text("\n],\n\"displayTimeUnit\":\"ms\",\"otherData\":{\"spans_left_out\":", left_out_, "}}\n");
}

}  // namespace ebb
