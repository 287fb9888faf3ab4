#include "tests/lab/export/event_reader.h"

#include <events.pb.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "tests/lab/program.h"

namespace ebb::test {
namespace {

template <class T>
T number_at(const std::string& bytes, std::size_t at) {
  T out{};
  std::memcpy(&out, bytes.data() + at, sizeof out);
  return out;
}

// The checksum in a file undone: what is stored is turned by 15 bits, plus a constant.
std::uint32_t unmasked(std::uint32_t stored) {
  const std::uint32_t turned = stored - 0xA282EAD8U;
  return turned << 15 | turned >> 17;
}

template <class Steps>
void forget(Steps& steps, std::int64_t from) {
  std::erase_if(steps, [&](const auto& entry) { return entry.first >= from; });
}

void take(const events::Event& event, ReadEvents& into) {
  if (event.what_case() == events::Event::kSessionLog && event.session_log().status() == 1) {
    ++into.restarts;
    for (auto& entry : into.scalars) forget(entry.second, event.step());
    for (auto& entry : into.histograms) forget(entry.second, event.step());
    for (auto& entry : into.pictures) forget(entry.second, event.step());
  }
  for (const events::Value& value : event.summary().value()) {
    if (value.has_simple_value()) into.scalars[value.tag()].emplace_back(event.step(), value.simple_value());
    if (value.has_image()) into.pictures[value.tag()][event.step()] = value.image().encoded_image_string();
    if (!value.has_histo()) continue;
    const events::Histogram& h = value.histo();
    into.histograms[value.tag()][event.step()] = {h.min(),
                                                  h.max(),
                                                  h.num(),
                                                  {h.bucket_limit().begin(), h.bucket_limit().end()},
                                                  {h.bucket().begin(), h.bucket().end()}};
  }
}

}  // namespace

std::uint32_t crc32c(const std::string& bytes) {
  std::uint32_t crc = ~0U;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc % 2 == 1 ? 0x82F63B78U : 0U);
  }
  return ~crc;
}

void read_events(const std::string& bytes, ReadEvents& into) {
  bool first = true;
  for (std::size_t at = 0; at < bytes.size();) {
    if (bytes.size() - at < 12) return void(into.cut = true);
    const auto size = number_at<std::uint64_t>(bytes, at);
    if (crc32c(bytes.substr(at, 8)) != unmasked(number_at<std::uint32_t>(bytes, at + 8)))
      throw std::runtime_error("the checksum of a length");
    if (bytes.size() - at - 12 < size + 4) return void(into.cut = true);
    const std::string data = bytes.substr(at + 12, size);
    if (crc32c(data) != unmasked(number_at<std::uint32_t>(bytes, at + 12 + size)))
      throw std::runtime_error("the checksum of a record");
    events::Event event;
    if (!event.ParseFromString(data)) throw std::runtime_error("a record that is no event");
    if (first != (event.file_version() == "brain.Event:2")) throw std::runtime_error("the beginning of a file");
    first = false;
    ++into.records;
    take(event, into);
    at += 16 + size;
  }
}

ReadEvents read_events(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    if (entry.path().filename().string().starts_with("events.out.tfevents.")) files.push_back(entry.path());
  std::ranges::sort(files);
  ReadEvents out;
  for (const auto& file : files) read_events(read(file), out);
  return out;
}

}  // namespace ebb::test
