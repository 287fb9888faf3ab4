#include "lab/export/event_record.h"

#include <events.pb.h>

#include <algorithm>
#include <boost/crc.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>

#include "lab/format/png.h"

namespace ebb::detail {
namespace {

constexpr int restart_status = 1;  // SessionLog::START
constexpr std::size_t buckets = 64;

// CRC-32C, turned and moved, as the files have it: so that checksums of checksums differ from those of data.
std::string checksum(const std::string& bytes) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  const std::uint32_t value = crc.checksum(), masked = (value >> 15 | value << 17) + 0xA282EAD8U;
  return {reinterpret_cast<const char*>(&masked), sizeof masked};
}

// Length, its checksum, the event, its checksum.
std::string framed(const events::Event& event) {
  const std::string bytes = event.SerializeAsString();
  const std::uint64_t size = bytes.size();
  const std::string length(reinterpret_cast<const char*>(&size), sizeof size);
  return length + checksum(length) + bytes + checksum(bytes);
}

// Buckets of equal width from the least number to the largest, each open below and closed at its limit.
template <class T>
void fill(std::span<const T> numbers, events::Histogram& out) {
  double least = std::numeric_limits<double>::infinity(), largest = -least, sum = 0, squares = 0, count = 0;
  for (const T number : numbers) {
    const auto x = static_cast<double>(number);
    if (!std::isfinite(x)) continue;
    least = std::min(least, x);
    largest = std::max(largest, x);
    sum += x;
    squares += x * x;
    ++count;
  }
  if (count == 0) least = largest = 0;
  out.set_min(least);
  out.set_max(largest);
  out.set_num(count);
  out.set_sum(sum);
  out.set_sum_squares(squares);
  const std::size_t parts = least < largest && std::isfinite(largest - least) ? buckets : 1;
  std::vector<double> counts(parts);
  const double width = (largest - least) / static_cast<double>(parts);
  for (const T number : numbers) {
    const auto x = static_cast<double>(number);
    if (!std::isfinite(x)) continue;
    const double place = parts > 1 ? std::ceil((x - least) / width) - 1 : 0;
    ++counts[static_cast<std::size_t>(std::clamp(place, 0.0, static_cast<double>(parts - 1)))];
  }
  for (std::size_t i = 0; i < parts; ++i) {
    out.add_bucket_limit(i + 1 == parts ? largest : least + width * static_cast<double>(i + 1));
    out.add_bucket(counts[i]);
  }
}

events::Event event_at(double wall_time, std::int64_t step) {
  events::Event event;
  event.set_wall_time(wall_time);
  event.set_step(step);
  return event;
}

}  // namespace

std::string event_head(double wall_time) {
  events::Event event = event_at(wall_time, 0);
  event.set_file_version("brain.Event:2");
  return framed(event);
}

std::string event_restart(double wall_time, std::int64_t step) {
  events::Event event = event_at(wall_time, step);
  event.mutable_session_log()->set_status(restart_status);
  return framed(event);
}

std::string event_record(const EventValues& values) {
  events::Event event = event_at(values.wall_time, values.step);
  events::Summary& summary = *event.mutable_summary();
  for (const auto& [tag, number] : values.scalars) {
    events::Value& value = *summary.add_value();
    value.set_tag(tag);
    value.set_simple_value(static_cast<float>(number));
  }
  for (const auto& [tag, tensor] : values.histograms) {
    events::Value& value = *summary.add_value();
    value.set_tag(tag);
    if (tensor.dtype() == DType::f64) fill(tensor.span<double>(), *value.mutable_histo());
    else fill(tensor.span<float>(), *value.mutable_histo());
  }
  for (const auto& [tag, picture] : values.pictures) {
    events::Value& value = *summary.add_value();
    value.set_tag(tag);
    events::Image& image = *value.mutable_image();
    image.set_height(static_cast<int>(picture.dim(0)));
    image.set_width(static_cast<int>(picture.dim(1)));
    image.set_colorspace(static_cast<int>(picture.dim(2)));
    const std::vector<std::byte> bytes = png(picture);
    image.set_encoded_image_string(bytes.data(), bytes.size());
  }
  return framed(event);
}

}  // namespace ebb::detail
