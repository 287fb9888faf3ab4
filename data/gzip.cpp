#include "data/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>

#include "framework/tensor/error.h"

namespace ebb {

struct GzipSource::State {
  explicit State(ByteSource& from) : compressed(from) {}
  ~State() { inflateEnd(&stream); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  ByteSource& compressed;
  z_stream stream{};
  bool ended = false;
  std::array<std::byte, std::size_t{1} << 15> input{};
};

GzipSource::GzipSource(ByteSource& compressed)
    : ByteSource(compressed.name()), state_(std::make_unique<State>(compressed)) {
  constexpr int gzip_only = 16;
  if (inflateInit2(&state_->stream, MAX_WBITS + gzip_only) != Z_OK)
    fail(name(), "a refusal of zlib to start", "memory for it");
}

GzipSource::~GzipSource() = default;

std::size_t GzipSource::read(std::span<std::byte> out) {
  State& s = *state_;
  if (out.empty() || s.ended) return 0;
  const std::size_t wanted = std::min<std::size_t>(out.size(), std::numeric_limits<uInt>::max());
  s.stream.next_out = reinterpret_cast<Bytef*>(out.data());
  s.stream.avail_out = static_cast<uInt>(wanted);
  while (s.stream.avail_out == wanted) {
    if (s.stream.avail_in == 0) {
      const std::size_t count = s.compressed.read(s.input);
      if (count == 0) fail(name(), "an end in the middle of its gzip data", "a complete file", "download it again");
      s.stream.next_in = reinterpret_cast<Bytef*>(s.input.data());
      s.stream.avail_in = static_cast<uInt>(count);
    }
    const int result = inflate(&s.stream, Z_NO_FLUSH);
    if (result == Z_STREAM_END) {
      s.ended = true;
      if (s.stream.avail_in > 0) fail(name(), "bytes behind the end of its gzip data", "nothing behind it");
      s.compressed.expect_end();
      break;
    }
    if (result != Z_OK)
      fail(name(), text("damaged gzip data (", s.stream.msg != nullptr ? s.stream.msg : "zlib error", ")"),
           "data with the right CRC-32 and length", "download it again");
  }
  return wanted - s.stream.avail_out;
}

}  // namespace ebb
