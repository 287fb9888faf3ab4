// What tells the contents of files apart as they are read, at little cost.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "framework/io/byte_source.h"
#include "framework/io/checksum.h"

namespace ebb {

// The length of contents, and the CRC-32 of a sample: their first 64 KiB, which is all of a file of labels, and the
// first 32 KiB of each further MiB. Reading plain files is so fast that a checksum of all their bytes would take
// longer.
class Fingerprint {
 public:
  void add(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const std::size_t at = bytes_ % stride, sample = bytes_ < stride ? first : later;
      const std::size_t count = std::min(bytes.size(), (at < sample ? sample : stride) - at);
      if (at < sample) crc_ = crc32(bytes.first(count), crc_);
      bytes_ += count;
      bytes = bytes.subspan(count);
    }
  }

  std::uint64_t bytes() const { return bytes_; }
  std::uint32_t crc() const { return crc_; }

 private:
  static constexpr std::size_t stride = std::size_t{1} << 20, first = std::size_t{1} << 16, later = first / 2;
  std::uint64_t bytes_ = 0;
  std::uint32_t crc_ = 0;
};

// A source whose bytes are added to a fingerprint as they are read.
class FingerprintedSource : public ByteSource {
 public:
  FingerprintedSource(ByteSource& from, Fingerprint& into) : ByteSource(from.name()), from_(from), into_(into) {}
  std::size_t read(std::span<std::byte> out) override {
    const std::size_t count = from_.read(out);
    into_.add(out.first(count));
    return count;
  }

 private:
  ByteSource& from_;
  Fingerprint& into_;
};

}  // namespace ebb
