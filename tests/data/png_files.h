// PNG files made by hand, right or wrong.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string_view>

#include "tests/support/mutate.h"

namespace ebb::test {

inline void put_big_endian(Bytes& into, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    into.push_back(static_cast<std::byte>(value >> shift & 0xFF));
}

inline Bytes png_signature() { return bytes_of("\x89PNG\r\n\x1a\n"); }

// A chunk with the right checksum, or with another one.
inline void put_png_chunk(Bytes& into, std::string_view type, const Bytes& data, std::uint32_t spoil = 0) {
  put_big_endian(into, data.size(), 4);
  Bytes checked = bytes_of(type);
  checked.insert(checked.end(), data.begin(), data.end());
  into.insert(into.end(), checked.begin(), checked.end());
  put_big_endian(
      into, ::crc32(0, reinterpret_cast<const Bytef*>(checked.data()), static_cast<uInt>(checked.size())) ^ spoil, 4);
}

inline Bytes png_header(std::uint32_t width, std::uint32_t height, int depth, int colour, int interlaced = 0) {
  Bytes out;
  put_big_endian(out, width, 4);
  put_big_endian(out, height, 4);
  for (const int value : {depth, colour, 0, 0, interlaced}) out.push_back(static_cast<std::byte>(value));
  return out;
}

inline Bytes deflated(const Bytes& plain, int level = 6) {
  uLongf size = compressBound(static_cast<uLong>(plain.size()));
  Bytes out(size);
  compress2(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(plain.data()),
            static_cast<uLong>(plain.size()), level);
  out.resize(size);
  return out;
}

// Signature, header, palette unless empty, one chunk of pixels, end.
inline Bytes png_file(const Bytes& header, const Bytes& rows, const Bytes& palette = {}) {
  Bytes out = png_signature();
  put_png_chunk(out, "IHDR", header);
  if (!palette.empty()) put_png_chunk(out, "PLTE", palette);
  put_png_chunk(out, "IDAT", deflated(rows));
  put_png_chunk(out, "IEND", {});
  return out;
}

}  // namespace ebb::test
